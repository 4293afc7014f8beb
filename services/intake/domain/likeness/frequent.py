"""Surnames so frequent that two people of that name are often two people. Folded. Not complete, and need not be: a gap costs some bits."""

from __future__ import annotations

_BY_LANGUAGE = (
    # English
    "smith johnson williams brown jones miller davis wilson anderson taylor thomas moore martin jackson thompson white harris clark "
    "lewis robinson walker young allen king wright scott hill green adams baker nelson hall campbell mitchell carter roberts evans "
    "edwards hughes lee turner parker collins stewart morris murphy kelly cook rogers cooper reed bailey ward wood watson davies "
    "phillips bennett gray james brooks price wilkinson shaw hunt "
    # Spanish and Portuguese
    "garcia rodriguez martinez hernandez lopez gonzalez perez sanchez ramirez torres flores rivera gomez diaz cruz reyes morales "
    "gutierrez ortiz fernandez ruiz alvarez romero moreno jimenez silva santos oliveira souza pereira ferreira costa almeida "
    "munoz alonso navarro dominguez vazquez ramos gil serrano blanco molina castro suarez ortega delgado marin rubio "
    # German and Dutch
    "muller mueller schmidt schneider fischer weber meyer meier wagner becker schulz hoffmann koch bauer richter klein wolf "
    "schroder neumann schwarz braun zimmermann jansen bakker visser smit schafer kruger hofmann hartmann lange werner krause "
    "lehmann maier kohler herrmann konig mayer huber kaiser fuchs peters scholz moller weiss jung hahn vogel "
    # French and Italian
    "bernard dubois durand petit leroy moreau simon laurent lefebvre michel roux rossi russo ferrari esposito bianchi romano ricci "
    "robert richard david bertrand morel fournier girard andre mercier dupont lambert bonnet francois garnier faure rousseau "
    "colombo marino greco bruno gallo conti mancini giordano rizzo lombardi moretti barbieri fontana santoro "
    "mariani rinaldi caruso ferrara galli martini leone longo gentile martinelli vitale "
    # Nordic
    "hansen johansen olsen larsen andersson johansson karlsson nilsson jensen nielsen pedersen eriksson larsson olsson persson "
    "christensen andersen rasmussen sorensen korhonen virtanen "
    # Slavic, with and without the ending that women have
    "ivanov petrov smirnov novak nowak popov horvat kowalski kowalska wisniewski wisniewska wojcik kowalczyk kaminski kaminska "
    "lewandowski lewandowska zielinski zielinska szymanski szymanska wozniak dabrowski dabrowska kozlowski kozlowska jankowski "
    "jankowska mazur kwiatkowski kwiatkowska krawczyk piotrowski piotrowska grabowski grabowska pawlowski pawlowska "
    "melnyk shevchenko bondarenko kovalenko boiko boyko tkachenko kravchenko kovalchuk koval oliinyk oliynyk shevchuk polishchuk "
    "lysenko marchenko savchenko rudenko petrenko moroz klymenko pavlenko kravets tkachuk savchuk levchenko bondar "
    "kuznetsov sokolov lebedev kozlov morozov novikov volkov svoboda novotny dvorak cerny "
    # Asian
    "nguyen tran le pham kim park choi wang li zhang liu chen yang huang zhao wu zhou tanaka suzuki sato singh kumar sharma patel "
    "khan ali ahmed hussain shah gupta yilmaz kaya demir"
)
FREQUENT_SURNAMES = frozenset(_BY_LANGUAGE.split())
