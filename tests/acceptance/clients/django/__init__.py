"""A site with django-allauth, run as a program of its own."""
