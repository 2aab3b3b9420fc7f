# SPDX-License-Identifier: Apache-2.0
#
# Django over mysqlclient on both products, with its own defaults (autocommit, READ COMMITTED): a small application with transactions, savepoints
# and rows read in portions. One process has one set of settings, so both products are databases of the same Django.

import unittest

import django

from mysql_driver import each_driver
from mysql_products import PASSWORD


def configured():
    """Django's connections, set up the first time."""
    from django.conf import settings  # at the top of the file the test loader would look into it
    if not settings.configured:
        settings.configure(DATABASES={"default": {}}, TIME_ZONE="Europe/Berlin", USE_TZ=True,
                           DEFAULT_AUTO_FIELD="django.db.models.AutoField")
        django.setup()
    from django.db import connections
    return connections


@each_driver
class Django:
    def database(self):
        """The name under which Django knows the product's server."""
        connections = configured()
        settings = {"ENGINE": "django.db.backends.mysql", "NAME": "app", "USER": "app", "PASSWORD": PASSWORD, "HOST": "127.0.0.1",
                    "PORT": str(self.target.port), "CONN_MAX_AGE": 60}
        connections.databases[self.product_name] = connections.configure_settings({"default": settings})["default"]
        self.addCleanup(connections[self.product_name].close)
        return self.product_name

    def test_a_small_application(self):
        name = self.database()
        from django.db import IntegrityError, connections, models, transaction

        class Person(models.Model):
            name = models.CharField(max_length=50, unique=True)
            born = models.DateTimeField(null=True)

            class Meta:
                app_label = f"driver_test_{name}"

        people = Person.objects.using(name)
        with connections[name].schema_editor() as editor:
            editor.create_model(Person)
        people.bulk_create(Person(name=f"person {n}") for n in range(50))
        with transaction.atomic(using=name):
            people.filter(name="person 1").update(name="renamed")
            with self.assertRaises(IntegrityError), transaction.atomic(using=name):
                people.create(name="person 2")
        with transaction.atomic(using=name):
            people.select_for_update().filter(name="renamed").get().delete()
            transaction.set_rollback(True, using=name)
        created, was_created = people.get_or_create(name="person 50")
        self.assertTrue(was_created and people.get(pk=created.pk).name == "person 50")
        self.assertEqual(people.filter(name__startswith="person").count(), 50)
        self.assertEqual(sum(1 for _ in people.order_by("name").iterator(chunk_size=10)), 51)
        self.assertEqual(list(people.order_by("id").values_list("name", flat=True)[:2]), ["person 0", "renamed"])
        with connections[name].schema_editor() as editor:
            editor.delete_model(Person)


if __name__ == "__main__":
    unittest.main()
