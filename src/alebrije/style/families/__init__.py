"""Families of style losses beside the Gram matrix, one file each; `alebrije.style.losses.LOSSES` names them all."""
