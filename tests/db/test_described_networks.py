"""A file with a description is known for the network in it, from whenever the record learns that it is one."""

from __future__ import annotations

from dataclasses import replace

from db_specimens import a_model, sha256_of

from db.database import Database
from db.networks import described_networks, store_models

NETWORK = sha256_of("the file of the trial")


def test_files_with_a_description_are_known_by_the_file_without_it(db: Database) -> None:
    exported = replace(a_model(1), network_sha256=NETWORK)
    with db.write() as tx:
        store_models(tx, [(a_model(0), None), (exported, None)])
    assert described_networks(db) == {exported.sha256: NETWORK}


def test_a_file_that_an_older_release_stored_is_known_once_it_is_given_again(db: Database) -> None:
    with db.write() as tx:
        before = store_models(tx, [(a_model(0), None), (a_model(1), None)])
    assert described_networks(db) == {}
    exported = replace(a_model(1), network_sha256=NETWORK)
    with db.write() as tx:
        assert store_models(tx, [(a_model(0), None), (exported, None)]) == before
    assert described_networks(db) == {exported.sha256: NETWORK}


def test_what_is_known_of_a_file_is_not_forgotten_or_changed(db: Database) -> None:
    exported = replace(a_model(1), network_sha256=NETWORK)
    for model in (exported, a_model(1), replace(exported, network_sha256=sha256_of("another"))):
        with db.write() as tx:
            store_models(tx, [(model, None)])
    assert described_networks(db) == {exported.sha256: NETWORK}
