"""How well collections find: public test sets, their collections, and the figures taken on them."""
