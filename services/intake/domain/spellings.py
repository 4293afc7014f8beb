"""What forms and platforms call the normal fields, in the languages most of them speak."""

from __future__ import annotations

import re
from functools import lru_cache

from services.intake.domain.quality.text import fold, words

# Compared without case, accents, blanks and punctuation.
SPELLINGS = {
    "name": "name fullname yourname contactname leadname customername nombrecompleto nomcomplet vollstandigername nomecompleto "
    "nomeecognome nombreyapellidos volledigenaam ihrname votrenom naam nombre nome",
    "first_name": "firstname givenname fname forename first vorname prenom nombredepila primernombre nomedibattesimo primeironome voornaam",
    "last_name": "lastname familyname surname lname last nachname familienname nom nomdefamille apellido apellidos cognome sobrenome "
    "apelido ultimonome achternaam",
    "email": "email emailaddress mail youremail workemail businessemail companyemail useremail contactemail emailadresse mailadresse "
    "courriel adressemail adresseemail correo correoelectronico direcciondecorreo indirizzoemail postaelettronica emailadres "
    "enderecodeemail replyto",
    "phone": "phone phonenumber tel telephone telephonenumber mobile mobilephone mobilenumber cell cellphone yourphone workphone homephone "
    "contactnumber whatsapp whatsappnumber telefon telefonnummer handy handynummer rufnummer mobil mobilnummer portable "
    "numerodetelephone telefono numerodetelefono movil celular telefone telemovel telefoonnummer telefoon mobiel cellulare "
    "numeroditelefono",
    "company": "company companyname organisation organization organizationname employer business businessname firma firmenname unternehmen "
    "entreprise societe nomdelentreprise empresa nombredelaempresa azienda societa nomeazienda ragionesociale bedrijf bedrijfsnaam "
    "nomedaempresa",
    "street": "street streetaddress address address1 addressline1 line1 strasse strassehausnummer adresse anschrift rue direccion calle "
    "indirizzo via endereco morada rua straat adres",
    "message": "message comment comments notes yourmessage enquiry inquiry description question questions howcanwehelp howcanwehelpyou "
    "nachricht mitteilung bemerkung anfrage commentaire commentaires mensaje comentario comentarios messaggio mensagem bericht opmerking",
    "country": "country countrycode countryname land pays pais paese staat countryregion",
    "region": "region regioncode state province county stateprovince bundesland kanton estado provincia provincie",
    "city": "city town locality stadt ort wohnort ville ciudad citta cidade stad plaats woonplaats",
    "postcode": "postcode postalcode zip zipcode zippostalcode plz postleitzahl codepostal cp codigopostal cap codiceavviamentopostale cep",
    "language": "language lang locale preferredlanguage sprache langue idioma lingua taal",
    "timezone": "timezone tz zeitzone fuseauhoraire",
    "product": "product productname productinterest interest interestedin model service produkt produit producto prodotto produto",
    "campaign": "campaign utmcampaign campaignname",
    "medium": "medium utmmedium",
    "utm_source": "utmsource",
    "utm_term": "utmterm utmkeyword",
    "utm_content": "utmcontent",
    "gclid": "gclid gclidfield googleclickid gclidc",
    "gbraid": "gbraid",
    "wbraid": "wbraid",
    "fbclid": "fbclid",
    "msclkid": "msclkid",
    "ttclid": "ttclid",
    "li_fat_id": "lifatid",
    "landing_page": "landingpage landingpageurl landingurl entrypage pageurl formurl sourceurl submissionurl conversionurl",
    "referrer": "referrer referer referrerurl refererurl documentreferrer",
    "form_id": "formid",
    "ad_id": "adid creativeid",
    "adset_id": "adsetid adgroupid",
    "campaign_id": "campaignid",
    "job_title": "jobtitle title position role jobfunction jobrole berufsbezeichnung fonction poste cargo puesto ruolo funcao functie",
    "company_size": "companysize employees numberofemployees employeecount teamsize mitarbeiter mitarbeiteranzahl anzahlmitarbeiter "
    "nombredesalaries numerodeempleados numerodipendenti numerodefuncionarios aantalmedewerkers",
    "website": "website websiteurl companywebsite webseite homepage siteweb sitioweb sitoweb url web",
    "budget": "budget price maxbudget budgetrange presupuesto orcamento",
    "currency": "currency currencycode wahrung devise moneda valuta moeda",
    "timeframe": "timeframe timeline whenbuying purchasetimeframe zeitrahmen zeitraum",
    "tags": "tags",
    "visitor_id": "visitorid",
    "consent": "consent gdpr gdprconsent gdpragree optin marketingconsent marketingoptin marketingpermission privacyconsent einwilligung "
    "consentement consentimiento consenso consentimento toestemming",
}
KNOWN = {spelling: field for field, spellings in SPELLINGS.items() for spelling in spellings.split()}
# Within one of these, `name`, `email` or `id` are not the lead's own: company.name, form.id, host.email.
OTHERS = words(
    "account ad adgroup adset advertiser agent app assignee brand broker business campaign company dealer event firm form host listing "
    "location office organisation organization owner page partner product project property provider publisher salesperson seller site "
    "source team template unit user vehicle vendor workspace"
)
PERSONAL = frozenset(["name", "first_name", "last_name", "email", "phone", "job_title", "language", "timezone"])
_REQUIRED = re.compile(r"(?:required|optional|pflichtfeld|obligatoire|obligatorio)$")
_SEPARATORS = str.maketrans({"[": ".", "]": ".", "/": "."})
MAX_PATH = 300


@lru_cache(maxsize=8192)
def known_field(path: str) -> str | None:
    """The normal field that a path in a payload is known to mean: by its last two steps (`company.name`), or its last one."""
    if len(path) > MAX_PATH:
        return None
    steps = [step for part in path.translate(_SEPARATORS).split(".") if (step := fold(part)) and not step.isdigit()]
    if not steps:
        return None
    within = steps[-2] if len(steps) > 1 else ""
    if field := _spelled(within + steps[-1]) if within else None:
        return field
    field = _spelled(steps[-1])
    return None if field in PERSONAL and within in OTHERS else field


def _spelled(word: str) -> str | None:
    return KNOWN.get(word) or KNOWN.get(_REQUIRED.sub("", word))
