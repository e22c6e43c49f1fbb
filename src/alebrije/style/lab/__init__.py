"""The laboratory: every family of style losses paints the same pairs of pictures, and each judges what the others have painted.

config.py      the settings, and who paints under which name
balance.py     style weights with which all painters are pulled equally hard at the start
matching.py    style weights with which all painters end equally far from the content
judging.py     the scores of a painting: statistics on layers that nobody optimises, content distance, SSIM, ST-LPIPS
ranking.py     from scores and votes to mean ranks with intervals
comparison.py  painter against painter at equal content, by judges that favour neither
reach.py       how far the structure of a style reaches
painting.py    one painting after the other, kept as files; the same command goes on where it was
votes.py       the page where people rank the same pictures blind, and what they have saved
sheet.py, against_sheet.py  the page with pictures, tables and ranking
run.py         the verb
"""
