# SPDX-License-Identifier: Apache-2.0
#
# The workload of the chaos runs: clients that move money between accounts in transactions, and append to a list outside of them. Each
# keeps in mind what it was told of every write: that it was done, that it was not, or that nobody knows. Afterwards the tables are held
# against that.

import bisect
import contextlib
import random
import threading
import time

ACCOUNTS = 50
START_BALANCE = 1000
FIRST_DIRECT = 101  # the number of the first client that connects directly; those through Penstock have lower ones
SCHEMA = (
    "create table account(id int primary key, balance bigint not null)",
    "create table transfer(id bigint not null, client int not null)",
    "create table list(id bigint not null, client int not null)",
    "create table held(id int primary key)",  # which only held.py reads
    "create index transfer_id on transfer(id)",  # for replicas of MySQL's, which look for each row to delete; not unique, to see what is there twice
    "create index list_id on list(id)",
)

DONE, NOT_DONE, UNKNOWN = "done", "not done", "unknown"


class Client:
    """One client on a connection from `connect`; `verdict(error)` tells whether what failed was done (it knows the driver and the errors)."""

    def __init__(self, number, connect, verdict, errors, pause=0.005):
        self.number, self.connect, self.verdict, self.errors = number, connect, verdict, errors
        self.pause = pause        # seconds between two requests
        self.transfers, self.items = {}, {}
        self.successes = []       # when something of it succeeded
        self.faults = {}          # {text: how often}, of writes
        self.read_faults = {}
        self.ended_in_transaction, self.ended_otherwise = [], []  # what it was told by connections that ended
        self.foreign = []         # answers to what it had not asked
        self.stuck = False
        self.connection = None
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.chance = random.Random(number)
        self.end = threading.Event()
        self.goes_on, self.rests = threading.Event(), threading.Event()
        self.goes_on.set()
        self.serial = 0
        self.last_item = None     # that is on the list for certain
        self.reads = 0

    def run(self):
        while not self.end.is_set():
            if not self.goes_on.is_set():
                self.rests.set()
                self.goes_on.wait()
            if self.connection is None and not self.open():
                continue
            self.chance.choice((self.transfer, self.append, self.read))()
            self.end.wait(self.pause)
        if self.connection is not None:
            self.connection.close()

    def open(self):
        try:
            self.connection = self.connect()
            return True
        except self.errors as error:
            self.count(self.faults, error)
            self.end.wait(0.05)
            return False

    def next_id(self):
        self.serial += 1
        return self.number * 10_000_000 + self.serial

    def transfer(self):
        """Moves an amount from one account to another and notes that, in one transaction."""
        one, other = sorted(self.chance.sample(range(ACCOUNTS), 2))
        amount, number = self.chance.randrange(1, 10), self.next_id()
        at_commit = False
        try:
            self.connection.autocommit_off()
            with self.connection.cursor() as cursor:
                cursor.execute("update account set balance = balance - %s where id = %s", (amount, one))
                cursor.execute("update account set balance = balance + %s where id = %s", (amount, other))
                cursor.execute("insert into transfer values (%s, %s)", (number, self.number))
            at_commit = True
            self.connection.commit()
            self.succeeded()
            self.transfers[number] = DONE
        except self.errors as error:
            self.count(self.faults, error)
            self.transfers[number] = self.verdict(error) if at_commit else NOT_DONE
            self.recover(error, in_transaction=True)

    def append(self):
        number = self.next_id()
        try:
            self.connection.autocommit_on()
            with self.connection.cursor() as cursor:
                cursor.execute("insert into list values (%s, %s)", (number, self.number))
            self.succeeded()
            self.items[number] = DONE
            self.last_item = number
        except self.errors as error:
            self.count(self.faults, error)
            self.items[number] = self.verdict(error)
            self.recover(error)

    def read(self):
        """An account, or what it has appended last; with a word of its own, by which it knows its answers."""
        table, row = ("list", self.last_item) if self.last_item and self.chance.random() < 0.5 else ("account", self.chance.randrange(ACCOUNTS))
        self.reads += 1
        word = f"read {self.reads} of {self.number}"
        try:
            self.connection.autocommit_on()
            with self.connection.cursor() as cursor:
                cursor.execute(f"select %s, id from {table} where id = %s", (word, row))
                answer = cursor.fetchall()
            if list(answer) != [(word, row)]:
                self.foreign.append(f"{answer} for ({word!r}, {row}) of {table}")
            self.succeeded(is_write=False)
        except self.errors as error:
            self.count(self.read_faults, error)
            self.recover(error)

    def succeeded(self, is_write=True):
        if is_write:
            self.successes.append(time.monotonic())

    def recover(self, error, in_transaction=False):
        """Goes on with the connection that it has, if that lives."""
        if self.connection.lives(error) and in_transaction:
            with contextlib.suppress(*self.errors):
                self.connection.rollback()
        if not self.connection.lives(error):
            self.connection.drop()
            self.connection = None
            (self.ended_in_transaction if in_transaction else self.ended_otherwise).append(one_line(error))

    def reconnects(self):
        return len(self.ended_in_transaction) + len(self.ended_otherwise)

    def count(self, faults, error):
        text = one_line(error)[:90]
        faults[text] = faults.get(text, 0) + 1

    def has_worked_since(self, moment):
        return bool(self.successes) and self.successes[-1] > moment

    def first_success_since(self, moment):
        return self.successes[bisect.bisect_right(self.successes, moment)]

    def halt(self):
        """It rests once it has its answer, until go_on()."""
        self.rests.clear()
        self.goes_on.clear()

    def go_on(self):
        self.goes_on.set()

    def longest_gap(self, begin, end):
        """The longest time without a write that succeeded, of those that touch that span."""
        times = [begin, *(each for each in self.successes if begin <= each <= end), end]
        return max(later - earlier for earlier, later in zip(times, times[1:]))


def one_line(error):
    return " ".join(str(error).split())


class Bank:
    """So many clients of each kind, working until stop()."""

    def __init__(self, clients):
        self.clients = clients

    def start(self):
        for client in self.clients:
            client.thread.start()

    def stop(self, seconds=30):
        for client in self.clients:
            client.end.set()
            client.go_on()
        for client in self.clients:
            client.thread.join(seconds)
            client.stuck = client.thread.is_alive()

    @contextlib.contextmanager
    def resting(self, seconds=30):
        """Nobody does anything meanwhile."""
        for client in self.clients:
            client.halt()
        for client in self.clients:
            client.stuck = not client.rests.wait(seconds)
        yield
        for client in self.clients:
            client.go_on()

    def check(self, ask):
        """What is wrong in the tables, by what clients were told: a list of sentences. `ask(statement)` gives the primary's rows."""
        wrong = [f"client {client.number} is stuck" for client in self.clients if client.stuck]
        wrong += [f"client {client.number} got {each}" for client in self.clients for each in client.foreign[:3]]
        total = int(ask("select sum(balance) from account")[0][0])
        if total != ACCOUNTS * START_BALANCE:
            wrong.append(f"the accounts have {total}, not {ACCOUNTS * START_BALANCE}")
        for table, told in (("transfer", "transfers"), ("list", "items")):
            found = {}
            for (number,) in ask(f"select id from {table}"):
                found[number] = found.get(number, 0) + 1
            known = {number: word for client in self.clients for number, word in getattr(client, told).items()}
            lost = [number for number, word in known.items() if word == DONE and number not in found]
            undead = [number for number, word in known.items() if word == NOT_DONE and number in found]
            twice = [number for number, times in found.items() if times > 1]
            strange = [number for number in found if number not in known]
            for what, numbers in (("acknowledged but lost", lost), ("called not done but there", undead), ("there twice", twice),
                                  ("there though nobody asked for it", strange)):
                if numbers:
                    wrong.append(f"{len(numbers)} of {table} {what}: {numbers[:5]}")
        return wrong

    def sums(self):
        """{DONE: n, NOT_DONE: n, UNKNOWN: n} of all writes."""
        words = [word for client in self.clients for told in (client.transfers, client.items) for word in told.values()]
        return {word: words.count(word) for word in (DONE, NOT_DONE, UNKNOWN)}
