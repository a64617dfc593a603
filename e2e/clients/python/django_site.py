"""Serves the Django site whose settings the argument names."""

import os
import sys
from wsgiref.simple_server import make_server

import django
from django.core.management import call_command
from django.core.wsgi import get_wsgi_application
from talk import say, settings

os.environ["DJANGO_SETTINGS_MODULE"] = sys.argv[1]
django.setup()
call_command("migrate", verbosity=0)
server = make_server("127.0.0.1", int(settings["origin"].rsplit(":", 1)[1]), get_wsgi_application())
say("ready", settings["origin"])
server.serve_forever()
