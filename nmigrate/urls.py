"""All URLs: Django's admin for users and groups, and the pages of webui."""

from django.contrib import admin
from django.urls import include, path

urlpatterns = [
    path("admin/", admin.site.urls),
    path("i18n/", include("django.conf.urls.i18n")),
    path("", include("webui.urls")),
]

handler403 = "webui.views.errors.permission_denied"
