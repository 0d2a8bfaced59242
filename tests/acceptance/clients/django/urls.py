"""The site's addresses: django-allauth's own."""

from django.urls import include, path

urlpatterns = [path("", include("allauth.urls"))]
