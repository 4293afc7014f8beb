"""Surnames so frequent that two people of that name are often two people. Folded. Not complete, and need not be: a gap costs some bits."""

from __future__ import annotations

_BY_LANGUAGE = (
    # English
    "smith johnson williams brown jones miller davis wilson anderson taylor thomas moore martin jackson thompson white harris clark "
    "lewis robinson walker young allen king wright scott hill green adams baker nelson hall campbell mitchell carter roberts evans "
    "edwards hughes lee turner parker collins stewart morris murphy kelly cook rogers cooper reed bailey ward wood watson davies "
    # Spanish and Portuguese
    "garcia rodriguez martinez hernandez lopez gonzalez perez sanchez ramirez torres flores rivera gomez diaz cruz reyes morales "
    "gutierrez ortiz fernandez ruiz alvarez romero moreno jimenez silva santos oliveira souza pereira ferreira costa almeida "
    # German and Dutch
    "muller mueller schmidt schneider fischer weber meyer meier wagner becker schulz hoffmann koch bauer richter klein wolf "
    "schroder neumann schwarz braun zimmermann jansen bakker visser smit "
    # French and Italian
    "bernard dubois durand petit leroy moreau simon laurent lefebvre michel roux rossi russo ferrari esposito bianchi romano ricci "
    # Nordic and Slavic
    "hansen johansen olsen larsen andersson johansson karlsson nilsson jensen nielsen pedersen ivanov petrov smirnov novak nowak "
    "kowalski popov horvat "
    # Asian
    "nguyen tran le pham kim park choi wang li zhang liu chen yang huang zhao wu zhou tanaka suzuki sato singh kumar sharma patel "
    "khan ali ahmed hussain shah gupta yilmaz kaya demir"
)
FREQUENT_SURNAMES = frozenset(_BY_LANGUAGE.split())
