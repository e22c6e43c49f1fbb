"""Style transfer: see README.md. The verb is `alebrije.style.run.stylize`."""
