"""The batch-first consumer: reads many, claims all, handles them in rounds, commits once.

A batch is one transaction. Its records are claimed in one statement and cut into rounds in which no lead appears twice; each handler
gets its share of a round as a list. When something fails, who is at fault decides:

* the world (Transient): roll back, rewind, wait, try again, for ever; a record that alone stays transient ten times while a probe
  transaction commits is dead-lettered as suspect;
* the record (anything else): the batch is done again record by record, and what fails alone becomes a dead letter;
* our deploy: more than 50 dead letters in the last 200 records park the loop. It stays up, is not ready, and tries again each minute.

Later events of a lead with a dead letter are parked behind it, but for its erasure: that gets through and its handler deletes them
(`deadletters.forget`).
"""

from shared.consumer.loop import Consumer
from shared.consumer.redrive import Redriven, redrive
from shared.consumer.subscriptions import Handler, On, Subscriptions, dispatch, rounds

__all__ = ["Consumer", "Handler", "On", "Redriven", "Subscriptions", "dispatch", "redrive", "rounds"]
