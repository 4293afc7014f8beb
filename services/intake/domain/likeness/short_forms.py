"""Short forms and other spellings of first names: Bob for Robert, Sascha for Alexander. Folded.

English ones are the library's; those of some other languages are here.
"""

from __future__ import annotations

from functools import cache

from nicknames import NickNamer

_OTHERS = """
    agnieszka aga; alejandro alex ale jandro; aleksandra ola; alessandro alex sandro; alexander alex sascha sasha xander
    aleksandr olexandr; alexandra alex sascha sasha; andreas andi andy; antonio toni tono; barbara basia; bohdan bogdan;
    dmitri dima; dmytro dima dmitri; ekaterina katya; elena lena; elisabeth sissi lisbeth elsbeth lisa lilli; enrique
    kike; ernst erni; eugen gene; evgeni zhenya; francesca franca; francesco franco; francisco paco pancho fran; franziska
    franzi; friedrich fritz; georg schorsch; giovanni gianni; giuseppe beppe peppe pino; grzegorz grzesiek; guillaume gui
    guigui; guillermo memo; halyna galina; heinrich heinz; helena lena; henrik rik; hryhorii grigory; ignacio nacho; ihor
    igor; ivan vanya; jakub kuba; jesus chuy; joanna asia; johanna hanna; johannes hans hannes; jose pepe; josef sepp;
    katarzyna kasia; kateryna katya katia ekaterina; katharina kathi kati katja; krystyna krysia; krzysztof krzysiek;
    luigi gigi; magdalena lena magda; malgorzata gosia malgosia; manuel manolo; margarete grete gretchen; maria mia;
    matthias matze hias; mercedes merche; mikhail misha; mohammed mo mohamed muhammad mohammad muhammed; mykola kolya
    nikolai; natalia natasha nataliia; nicola nicky nikki; nikolai kolya; oleh oleg; oleksandr sasha alexander aleksandr;
    olena lena elena; olha olga; philippa pippa; piotr piotrek; rafael rafa; rosario charo; salvatore toto; sebastian
    basti; sergei seryozha; serhii seryozha sergei; stefan steffen; stefanie steffi; stephane steph; susanne susi; theresa
    resi; thomas tommi; tobias tobi; tomasz tomek; ulrich uli; vincenzo enzo; vladimir vova volodya; volodymyr vova
    vladimir; wilhelm willi; wojciech wojtek; wolfgang wolf; yevhen evgeni
"""


@cache
def short_forms() -> dict[str, frozenset[str]]:
    """Every name that is known to have short forms or to be one, with its counterparts."""
    counterparts: dict[str, set[str]] = {}
    for formal, shorts in _groups():
        for short in shorts:
            counterparts.setdefault(formal, set()).add(short)
            counterparts.setdefault(short, set()).add(formal)
    return {name: frozenset(others) for name, others in counterparts.items()}


@cache
def formal_names() -> dict[str, frozenset[str]]:
    """What a short form may be short for."""
    formals: dict[str, set[str]] = {}
    for formal, shorts in _groups():
        for short in shorts:
            formals.setdefault(short, set()).add(formal)
    return {name: frozenset(others) for name, others in formals.items()}


def _groups() -> list[tuple[str, set[str]]]:
    others = [group.split() for group in _OTHERS.split(";")]
    return [*NickNamer().nickname_lookup.items(), *((group[0], set(group[1:])) for group in others)]
