"""What invented people are made of: names as they are spread in eight languages, places, streets, companies, mail providers.

Written before a look at the recogniser's own tables, so that it is not asked only what it knows. Its short forms of names are not quite
as strange to it any more: some were added to the recogniser's after what was missed on tuning seed 1 had been read. Nor are its frequent
surnames: both tables hold the tops of public rankings, and the recogniser's grew after what was mixed up on tuning seeds had been read.
"""

from __future__ import annotations

from dataclasses import dataclass


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.split())


@dataclass(frozen=True)
class Locale:
    """A country's people. A surname is drawn from `frequent` or made of `stems` and `ends`; frequent ones fall off by rank (Zipf)."""

    country: str
    code: str  # of the telephone
    women: tuple[str, ...]
    men: tuple[str, ...]
    frequent: tuple[str, ...]
    stems: tuple[str, ...]
    ends: tuple[str, ...]
    cities: tuple[tuple[str, str], ...]  # and how its postcodes begin
    postcode: str  # d is a digit, l a letter; joined to the beginning
    streets: tuple[str, ...]
    street: str
    forms: tuple[str, ...]  # of companies, several spellings apart by |
    mobile: tuple[str, ...]
    landline: tuple[str, ...]
    providers: tuple[str, ...]


US = Locale(
    "US",
    "1",
    _words(
        "Mary Jennifer Linda Elizabeth Susan Jessica Sarah Karen Lisa Nancy Betty Margaret Sandra Ashley Kimberly Emily Donna Michelle "
        "Carol Amanda Melissa Deborah Stephanie Rebecca Laura Kathleen Amy Angela Anna Brenda Pamela Emma Nicole Samantha Katherine "
        "Christine Rachel Olivia Sophia Grace Hannah Madison Erica Danielle Paula Julie Julia Marie Diana Kayla"
    ),
    _words(
        "James Robert John Michael David William Richard Joseph Thomas Charles Christopher Daniel Matthew Anthony Mark Steven Paul "
        "Andrew Joshua Kenneth Kevin Brian George Timothy Ronald Edward Jason Jeffrey Ryan Jacob Nicholas Eric Jonathan Stephen Larry "
        "Justin Scott Brandon Benjamin Samuel Gregory Alexander Patrick Jack Dennis Tyler Aaron Jose Adam Nathan"
    ),
    _words(
        "Smith Johnson Williams Brown Jones Garcia Miller Davis Rodriguez Martinez Hernandez Lopez Wilson Anderson Thomas Taylor Moore "
        "Jackson Martin Lee Thompson White Harris Sanchez Clark Lewis Robinson Walker Young Allen King Wright Scott Torres Nguyen Hill"
    ),
    _words(
        "Ash Brad Black Whit Hart Marsh Hol Win Thorn Lock Stan Mel Wake Had Ches Gil Ever Kings Red Wood Fair Long Hal Crow Ains Buck"
    ),
    _words("ford ton well ley field wood bury man ham worth croft shaw by land more combe stead brook"),
    (("Austin", "787"), ("Denver", "802"), ("Columbus", "432"), ("Portland", "972"), ("Springfield", "627"), ("Raleigh", "276")),
    "dd",
    _words(
        "Main Oak Maple Cedar Pine Elm Washington Lake Hill Park Walnut Spring North Ridge Church Willow Mill Sunset Railroad Jackson"
    ),
    "{n} {name} {Street|St|St.}",
    ("Inc|Inc.|Incorporated", "LLC|L.L.C.", "Corp|Corp.|Corporation", "|Company"),
    _words("512 720 614 503 217 919"),
    _words("512 303 614 503 217 919"),
    _words("gmail.com gmail.com gmail.com yahoo.com hotmail.com outlook.com icloud.com aol.com"),
)
GB = Locale(
    "GB",
    "44",
    _words(
        "Olivia Amelia Charlotte Lucy Sophie Emily Jessica Hannah Rebecca Claire Emma Sarah Victoria Helen Alison Joanne Nicola Fiona "
        "Katherine Catherine Zoe Gemma Louise Rachel Samantha Harriet Eleanor Imogen Bethany Philippa"
    ),
    _words(
        "Oliver George Harry Jack Thomas James William Daniel Matthew Simon Andrew Stephen Stuart Graham Ian Neil Philip Peter Alan "
        "Christopher Jonathan Edward Benjamin Samuel Joseph Nicholas Timothy Gareth Callum Rhys"
    ),
    _words(
        "Smith Jones Taylor Brown Williams Wilson Johnson Davies Patel Wright Walker White Edwards Hughes Green Hall Khan Begum Evans"
    ),
    _words(
        "Hather Pem Cald Thorn Wether Brack Als Dun Ros Kirk Hex Mar Led Col Saw Tarn Ever Pick Green Hard Whit Ply Skel Ot Bram"
    ),
    _words("ley ton wick ham bury stone worth don dale brook ridge shaw cott well by thwaite ings bourne"),
    (("London", "SW"), ("Leeds", "LS"), ("Bristol", "BS"), ("Manchester", "M"), ("York", "YO"), ("Norwich", "NR")),
    "dd dll",
    _words(
        "High Station Church Victoria Park Mill Queens Kings Albert Manor Grange Springfield Chapel Orchard Meadow George York"
    ),
    "{n} {name} {Road|Rd|Rd.}",
    ("Ltd|Limited|Ltd.", "PLC|plc|Plc", "LLP"),
    _words("7400 7700 7800 7911 7525 7971"),
    _words("207 113 117 161 1904 1603"),
    _words("gmail.com gmail.com hotmail.co.uk yahoo.co.uk outlook.com btinternet.com icloud.com"),
)
DE = Locale(
    "DE",
    "49",
    _words(
        "Anna Maria Katharina Sabine Susanne Petra Claudia Julia Lena Laura Lisa Sarah Johanna Franziska Birgit Monika Andrea Stefanie "
        "Christina Elisabeth Magdalena Charlotte Emma Mia Hannah Ursula Renate Heike Anke Jana"
    ),
    _words(
        "Thomas Michael Andreas Stefan Peter Wolfgang Klaus Jürgen Martin Christian Alexander Daniel Maximilian Lukas Paul Jonas Felix "
        "Johannes Sebastian Tobias Florian Matthias Heinrich Hans Karl Friedrich Jörg Günther Uwe Jan"
    ),
    _words(
        "Müller Schmidt Schneider Fischer Weber Meyer Wagner Becker Schulz Hoffmann Schäfer Koch Bauer Richter Klein Wolf Schröder"
    ),
    _words(
        "Stein Rosen Hagen Alten Born Eich Grün Hoch Kalt Lang Linden Mühl Neu Ober Sand Schön Silber Tannen Unter Weiß Wiesen Wald"
    ),
    _words("berg mann meier bach hauer thal feld müller hofer stein bauer brunner kamp hoff egger"),
    (("Berlin", "10"), ("Hamburg", "20"), ("München", "80"), ("Köln", "50"), ("Leipzig", "04"), ("Nürnberg", "90")),
    "ddd",
    _words(
        "Haupt Bahnhof Schul Garten Kirch Berg Linden Wald Goethe Schiller Mozart Ring Mühlen Rosen Birken Feld Park Friedrich"
    ),
    "{name}{straße|str.|strasse} {n}",
    ("GmbH|gmbh|G.m.b.H.", "AG", "GmbH & Co. KG|GmbH & Co KG", "KG", "e.K."),
    _words("151 160 170 171 172 175 176 152"),
    _words("30 40 89 221 341 911"),
    _words("gmail.com gmx.de web.de t-online.de gmx.net outlook.de freenet.de posteo.de"),
)
FR = Locale(
    "FR",
    "33",
    _words(
        "Marie Camille Léa Manon Chloé Emma Julie Sophie Isabelle Nathalie Catherine Hélène Aurélie Céline Émilie Amélie Sandrine "
        "Valérie Françoise Élodie Inès Margaux Anaïs Laurence Anne-Sophie Marie-Claire"
    ),
    _words(
        "Jean Pierre Michel Nicolas Thomas Antoine Julien François Philippe Stéphane Frédéric Sébastien Olivier Laurent Guillaume "
        "Jérôme Mathieu Rémi Étienne Benoît Jean-Luc Jean-Pierre Jean-Baptiste Hugo Louis"
    ),
    _words(
        "Martin Bernard Dubois Thomas Robert Richard Petit Durand Leroy Moreau Simon Laurent Lefèbvre Michel Garcia David Roux"
    ),
    _words("Beau Mont Belle Grand Clair Font Roche Val Dela Char Bois Gau Per Mar Ville Cha Ler Gui Bour Cour Ser Tré"),
    _words("mont champ court ville fort ret lier din bert nard on eau ier ard el ault in oux"),
    (("Paris", "750"), ("Lyon", "690"), ("Nantes", "440"), ("Toulouse", "310"), ("Lille", "590")),
    "dd",
    _words("Victor-Hugo Gambetta Pasteur Voltaire Molière Carnot République Mairie Gare Fontaine Moulin Écoles Tilleuls Château"),
    "{n} {rue|Rue|r.} {name}",
    ("SARL|S.A.R.L.|sarl", "SA|S.A.", "SAS|S.A.S.", "EURL"),
    _words("612 623 634 645 656 667 678 689"),
    _words("142 143 472 240 561 320"),
    _words("gmail.com gmail.com orange.fr free.fr laposte.net hotmail.fr yahoo.fr sfr.fr"),
)
ES = Locale(
    "ES",
    "34",
    _words(
        "María Carmen Ana Isabel Laura Cristina Marta Lucía Paula Elena Sara Raquel Patricia Rosario Pilar Beatriz Nuria Sofía Inés "
        "Silvia Rocío Mercedes Alba Irene"
    ),
    _words(
        "Antonio José Manuel Francisco David Juan Javier Daniel Carlos Jesús Alejandro Miguel Rafael Pedro Ángel Sergio Pablo Fernando "
        "Jorge Luis Alberto Álvaro Ignacio Diego Adrián Óscar"
    ),
    _words(
        "García Rodríguez González Fernández López Martínez Sánchez Pérez Gómez Martín Jiménez Ruiz Hernández Díaz Moreno Muñoz"
    ),
    _words("Val Cas Mon Vill Per Or Arr Cal Bar Ber Cam Del Echeve Fuen Gal Her Iba Lar Men Nav Pal Que Rib Sal Zam"),
    _words("verde tro tero alba tega ola eda ales uela ona ajo ido ero oza ñez ache"),
    (("Madrid", "280"), ("Barcelona", "080"), ("Sevilla", "410"), ("Valencia", "460"), ("Zaragoza", "500")),
    "dd",
    _words("Mayor Real Nueva Sol Luna Iglesia Fuente Cervantes Goya Velázquez Colón Constitución Andalucía Rosales Olivo"),
    "{Calle|C/|C.} {name} {n}",
    ("S.L.|SL", "S.A.|SA", "SLU|S.L.U."),
    _words("600 611 622 633 644 655 666 677 688 699"),
    _words("915 934 954 963 976"),
    _words("gmail.com gmail.com hotmail.com yahoo.es telefonica.net outlook.es"),
)
IT = Locale(
    "IT",
    "39",
    _words(
        "Giulia Francesca Chiara Sara Federica Martina Valentina Alessia Elisa Paola Anna Laura Silvia Giovanna Lucia Daniela Simona Carla"
    ),
    _words(
        "Marco Andrea Giuseppe Francesco Alessandro Luca Matteo Lorenzo Giovanni Roberto Stefano Paolo Antonio Davide Nicolò Carlo Mario"
    ),
    _words("Rossi Russo Ferrari Esposito Bianchi Romano Colombo Ricci Marino Greco Bruno Gallo Conti De-Luca Mancini Costa"),
    _words("Bel Bon Cam Cast Fer Gal Lom Mar Mont Pel Quar Ros San Tor Val Ven Zan Bat Cor Gua Mal Pas"),
    _words("ardi elli ini etti oni ucci acci ese ano atti aro ossi enghi azzi olin"),
    (("Milano", "201"), ("Roma", "001"), ("Torino", "101"), ("Bologna", "401"), ("Napoli", "801")),
    "dd",
    _words("Roma Garibaldi Mazzini Dante Verdi Cavour Marconi Matteotti Manzoni Kennedy Piave Trento Galilei Leopardi"),
    "{Via|via|V.} {name} {n}",
    ("S.r.l.|SRL|Srl", "S.p.A.|SPA|Spa", "S.n.c.|snc"),
    _words("320 328 333 338 340 347 349 366"),
    _words("02 06 011 051 081"),
    _words("gmail.com gmail.com libero.it virgilio.it hotmail.it alice.it tiscali.it"),
)
PL = Locale(
    "PL",
    "48",
    _words(
        "Anna Katarzyna Małgorzata Agnieszka Barbara Ewa Krystyna Magdalena Joanna Aleksandra Monika Zofia Natalia Julia Zuzanna Łucja"
    ),
    _words("Piotr Krzysztof Andrzej Tomasz Paweł Jan Michał Marcin Jakub Adam Łukasz Mateusz Wojciech Grzegorz Kamil Sławomir"),
    _words("Nowak Kowalski Wiśniewski Wójcik Kowalczyk Kamiński Lewandowski Zieliński Szymański Woźniak Dąbrowski Kozłowski"),
    _words("Brzez Czarn Dąb Gór Jabłoń Kamień Krak Las Mal Nowic Olsz Piotr Rad Sadow Traw Wierzb Żuraw Bor Chmiel"),
    _words("iński owski ecki nik czyk ak owicz ek icki arz"),
    (("Warszawa", "00-"), ("Kraków", "30-"), ("Wrocław", "50-"), ("Gdańsk", "80-")),
    "ddd",
    _words("Polna Leśna Słoneczna Krótka Szkolna Ogrodowa Lipowa Brzozowa Kwiatowa Kościuszki Mickiewicza Sienkiewicza"),
    "{ul.|ul|} {name} {n}",
    ("Sp. z o.o.|sp. z o.o.|Sp z oo", "S.A.|SA", "sp.j."),
    _words("501 512 600 601 602 660 690 780"),
    _words("22 12 71 58"),
    _words("gmail.com gmail.com wp.pl onet.pl o2.pl interia.pl"),
)
UA = Locale(
    "UA",
    "380",
    _words("Олена Наталія Ірина Оксана Тетяна Марія Анна Катерина Юлія Вікторія Дарина Софія Людмила Галина"),
    _words("Олександр Андрій Сергій Дмитро Микола Іван Володимир Юрій Максим Богдан Тарас Павло Роман Віктор"),
    _words("Шевченко Мельник Коваленко Бондаренко Ткаченко Кравченко Олійник Шевчук Коваль Поліщук Іванов Бойко"),
    _words("Гор Дуб Зел Кам Кос Луц Мак Нев Пав Рад Сав Тим Федор Харч Чорн Яров Білен Вас"),
    _words("енко чук ук ський ич ник як ець ій"),
    (("Київ", "01"), ("Львів", "79"), ("Одеса", "65"), ("Харків", "61")),
    "ddd",
    _words("Шевченка Франка Грушевського Лесі-Українки Садова Шкільна Центральна Миру Незалежності Козацька"),
    "{вул.|вулиця|ул.} {name} {n}",
    ("ТОВ", "LLC", "ТзОВ"),
    _words("50 63 66 67 68 93 95 97"),
    _words("44 322 482 57"),
    _words("gmail.com gmail.com gmail.com ukr.net i.ua"),
)
LOCALES = (US, US, US, GB, GB, DE, DE, FR, ES, IT, PL, UA)

# How a person is called by friends, and signs a form now and then. Pairs that everybody knows; no attempt to cover the recogniser's.
NICKNAMES = {
    pair.split(":")[0]: tuple(pair.split(":")[1].split(","))
    for pair in _words(
        "Robert:Bob,Rob,Bobby William:Bill,Will,Billy James:Jim,Jimmy Michael:Mike,Mick Richard:Rick,Dick,Rich Joseph:Joe,Joey Thomas:Tom,"
        "Tommy Charles:Charlie,Chuck Christopher:Chris Daniel:Dan,Danny Matthew:Matt Anthony:Tony Steven:Steve Stephen:Steve Andrew:Andy,"
        "Drew Joshua:Josh Kenneth:Ken Timothy:Tim Ronald:Ron Edward:Ed,Ted,Eddie Jeffrey:Jeff Nicholas:Nick Jonathan:Jon Benjamin:Ben "
        "Samuel:Sam Gregory:Greg Alexander:Alex Patrick:Pat Philip:Phil Nathan:Nate Elizabeth:Liz,Beth,Betty,Lizzie Jennifer:Jen,Jenny "
        "Susan:Sue,Susie Jessica:Jess Margaret:Maggie,Peggy,Meg Kimberly:Kim Deborah:Debbie,Deb Stephanie:Steph Rebecca:Becky,Becca "
        "Kathleen:Kathy Katherine:Kate,Kathy,Katie Catherine:Cathy,Kate Christine:Chris,Chrissy Samantha:Sam Victoria:Vicky,Tori "
        "Pamela:Pam Amanda:Mandy Melissa:Mel Angela:Angie Nicola:Nicky Philippa:Pippa Eleanor:Ellie,Nell Harriet:Hattie Joanne:Jo "
        "Katharina:Kathi,Katja Susanne:Susi Elisabeth:Lisa,Sissi Johanna:Hanna Franziska:Franzi Magdalena:Lena Stefanie:Steffi "
        "Andreas:Andi Stefan:Steffen Maximilian:Max Sebastian:Basti Matthias:Matze Johannes:Hannes,Hans Heinrich:Heinz Friedrich:Fritz "
        "Tobias:Tobi Wolfgang:Wolf Frédéric:Fred Sébastien:Seb Guillaume:Guigui Nicolas:Nico Isabelle:Isa Antonio:Toni Francisco:Paco,"
        "Fran José:Pepe Manuel:Manolo Ignacio:Nacho Alejandro:Alex Rafael:Rafa Cristina:Cris Mercedes:Merche Rosario:Charo Beatriz:Bea "
        "Giuseppe:Beppe,Peppe Francesco:Franco Alessandro:Alex,Sandro Lorenzo:Renzo Giovanni:Gianni Francesca:Franca Valentina:Vale "
        "Małgorzata:Gosia Katarzyna:Kasia Agnieszka:Aga Aleksandra:Ola Krzysztof:Krzysiek Tomasz:Tomek Jakub:Kuba "
        "Олександр:Саша Олена:Лена "
        "Дмитро:Діма Катерина:Катя Володимир:Вова Наталія:Наташа"
    )
}

# How names of other scripts and letters are written where a form, an airline or a colleague does not have them.
_LATIN = _words("a b v h g d e ie zh z y i i i k l m n o p r s t u f kh ts ch sh shch - iu ia")
LATIN = {letter: latin.strip("-") for letter, latin in zip("абвгґдеєжзиіїйклмнопрстуфхцчшщьюя", _LATIN, strict=True)}
UMLAUTS = {"ä": "ae", "ö": "oe", "ü": "ue", "ß": "ss"}

COMPANY_STEMS = _words(
    "Alpine Amber Anchor Arbor Atlas Aurora Baltic Beacon Blue Bright Cobalt Copper Coral Crescent Crown Delta Eagle Ember Falcon Forge "
    "Garnet Golden Granite Harbor Helios Horizon Indigo Iron Ivory Juniper Keystone Lumen Lunar Maple Meridian Metro Nordic Northern "
    "Oak Ocean Onyx Orion Pacific Pioneer Polar Prime Quartz Radiant Raven River Royal Sable Sierra Silver Solar Spruce Sterling Summit "
    "Tide Titan Union Vector Velvet Verde Vertex Vista Westgate Willow Zenith"
)
COMPANY_ENDS = _words(
    "Logistics Systems Foods Textiles Energy Software Consulting Medical Motors Media Packaging Instruments Robotics Ceramics Analytics "
    "Furniture Optics Plastics Brewing Travel Dental Steel Press Realty Labs Tools Pharma Printing Fashion Security"
)
HANDLES = _words(
    "sunny star tiger moon dragon flower cloud river panda lucky magic green silver happy wild rocket shadow ocean pixel coffee honey "
    "storm turbo ninja pepper ginger"
)
