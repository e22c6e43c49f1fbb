"""What the source works did, done again from end to end and held against their figures: one file for each work.

A reproduction knows all families, as the command line does. What is made already is kept, so that one that was stopped
goes on where it was.
"""

from __future__ import annotations

# name -> module with `CONFIG`, its settings, and `reproduce(config, folder) -> Events`, which ends in Done(Reproduced).
REPRODUCTIONS = {
    "hybrid": "alebrije.reproductions.hybrid.run",
    "cooccurrence": "alebrije.reproductions.cooccurrence.run",
    "comicgan": "alebrije.reproductions.comicgan.run",
    "gatys": "alebrije.reproductions.gatys.run",
    "lowres": "alebrije.reproductions.lowres.run",
    "notebooks": "alebrije.reproductions.notebooks.run",
    "sampling": "alebrije.reproductions.sampling.run",
}
