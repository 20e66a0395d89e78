"""samesay in the shapes that other libraries expect; each module needs its library only where it is used."""
