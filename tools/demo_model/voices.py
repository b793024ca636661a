"""Voice variants of espeak-ng (files in its `voices/!v`) and what each is for."""

from __future__ import annotations

# Never trained on: test figures are read with these.
HELD_OUT = ("f4", "m4", "m8", "Andy", "linda", "Alicia", "paul", "klatt4", "edward", "steph2")

# What the hotline, agents and callers of the demonstration may speak with.
PRODUCT = ("f1", "f2", "f3", "f5", "m1", "m2", "m3", "m5", "m7", "")

TRAIN = (
    *("", "", "m1", "m2", "m3", "m5", "m6", "m7", "f1", "f2", "f3", "f5", "adam", "Alex", "Andrea", "Annie"),
    *("antonio", "aunty", "belinda", "benjamin", "boris", "caleb", "david", "Denis", "Diogo", "ed", "Gene"),
    *("gustave", "Henrique", "Hugo", "iven", "iven3", "Jacky", "john", "kaukovalta", "Lee", "marcelo", "Marco"),
    *("Mario", "max", "Michael", "michel", "miguel", "Mike", "Mr", "pablo", "pedro", "quincy", "rob", "robert"),
    *("steph", "steph3", "travis", "victor", "zac", "anika", "grandpa", "klatt", "klatt2", "klatt3", "klatt6"),
    *("norbert", "sandro", "shelby"),
)
