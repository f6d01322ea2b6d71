from django.urls import path
from reminders import views

urlpatterns = [path("reminders/<int:pk>/call", views.call), path("reminders/<int:pk>", views.show)]
