"""Words that turn a question into another: pairs of opposites, and groups of which one excludes the others."""

from __future__ import annotations

from typing import Final

_PAIRS: Final = """
on off|enable disable|enabled disabled|activate deactivate|open close|opened closed|start stop|begin end|start finish
first last|increase decrease|increasing decreasing|raise lower|raise reduce|gain lose|win lose|buy sell|buying selling
import export|importing exporting|upload download|push pull|install uninstall|add remove|add delete|add subtract
create delete|create destroy|insert delete|insert remove|attach detach|connect disconnect|lock unlock|mute unmute
block unblock|subscribe unsubscribe|follow unfollow|hide show|hide reveal|show conceal|encrypt decrypt|encode decode
compress decompress|compress extract|zip unzip|pack unpack|fold unfold|freeze thaw|freeze unfreeze|freeze melt
login logout|in out|into from|inside outside|indoor outdoor|indoors outdoors|input output|inbound outbound
incoming outgoing|inflow outflow|up down|upward downward|upgrade downgrade|upstream downstream|upstairs downstairs
top bottom|above below|over under|left right|north south|east west|northern southern|eastern western
before after|early late|earlier later|earliest latest|previous next|past future|old new|oldest newest|older newer
old young|older younger|ancient modern|high low|higher lower|highest lowest|maximum minimum|max min|maximize minimize
maximise minimise|more less|more fewer|most least|many few|much little|big small|bigger smaller|biggest smallest
large small|larger smaller|largest smallest|long short|longer shorter|longest shortest|tall short|taller shorter
wide narrow|thick thin|deep shallow|heavy light|heavier lighter|fat thin|strong weak|stronger weaker|strengthen weaken
fast slow|faster slower|fastest slowest|quick slow|quickly slowly|hot cold|hotter colder|warm cool|warmer cooler
heat cool|heating cooling|wet dry|hard soft|hard easy|harder easier|hardest easiest|difficult easy|simple complex
simple complicated|rough smooth|sharp blunt|bright dark|light dark|lighter darker|black white|day night|sunrise sunset
morning evening|good bad|better worse|best worst|positive negative|right wrong|correct incorrect|true false|yes no
valid invalid|legal illegal|lawful unlawful|possible impossible|likely unlikely|safe unsafe|safe dangerous
healthy unhealthy|happy sad|happy unhappy|love hate|like dislike|like hate|accept reject|accept decline|accept refuse
approve reject|approve deny|allow deny|allow forbid|allow prevent|allow block|allow prohibit|permit forbid
permit prohibit|grant revoke|agree disagree|agreement disagreement|approval disapproval|trust distrust|support oppose
support attack|attack defend|pros cons|pro con|advantage disadvantage|advantages disadvantages|benefit drawback
benefits drawbacks|benefits risks|benefits harms|strengths weaknesses|strength weakness|success failure|succeed fail
pass fail|profit loss|profits losses|income expense|income expenses|revenue cost|asset liability|assets liabilities
debit credit|borrow lend|borrowing lending|lender borrower|deposit withdraw|deposit withdrawal|deposits withdrawals
send receive|sending receiving|sender receiver|give take|give receive|pay receive|earn spend|save spend|saving spending
rent buy|lease buy|hire fire|employ dismiss|employer employee|teacher student|doctor patient|landlord tenant
buyer seller|customer supplier|client server|parent child|mother father|son daughter|brother sister|husband wife
man woman|men women|boy girl|boys girls|male female|males females|he she|his her|him her|uncle aunt|king queen
boyfriend girlfriend|groom bride|arrive depart|arrival departure|arrivals departures|arriving departing|come go
enter exit|entry exit|entrance exit|entering leaving|arrive leave|join leave|join quit|stay leave|appear disappear
remember forget|ask answer|question answer|teach learn|teaching learning|read write|reading writing|speak listen
push pull|throw catch|lift drop|rise fall|rising falling|ascend descend|ascending descending|climb descend|float sink
expand contract|expand shrink|grow shrink|inflate deflate|inflation deflation|build demolish|construct destroy
repair break|fix break|mend break|tighten loosen|tight loose|full empty|fill empty|filled empty|include exclude
including excluding|inclusive exclusive|with without|internal external|interior exterior|public private|open closed
local remote|local global|domestic foreign|domestic international|national international|urban rural|online offline
manual automatic|manually automatically|temporary permanent|temporarily permanently|optional required
optional mandatory|optional compulsory|voluntary compulsory|required forbidden|free paid|cheap expensive
cheaper dearer|cheaper costlier|cheapest dearest|cheapest costliest|poor rich|poverty wealth|win loss
alive dead|live die|birth death|born died|alive deceased|sick healthy|ill well|gain loss|gained lost
front back|forward backward|forwards backwards|forward reverse|clockwise counterclockwise|clockwise anticlockwise
horizontal vertical|horizontally vertically|row column|rows columns|odd even|prime composite|single multiple
singular plural|single married|marry divorce|married divorced|together apart|same different|similar different
equal unequal|common rare|usual unusual|normal abnormal|always never|everything nothing|everyone nobody|all none
all some|any none|everywhere nowhere|sometimes never|often rarely|frequently rarely|frequently seldom
acid base|acidic alkaline|solid liquid|liquid gas|solid gas|active passive|active inactive|alkaline acidic
introvert extrovert|optimist pessimist|optimistic pessimistic|theist atheist|liberal conservative|democrat republican
democrats republicans|supply demand|export import|war peace|friend enemy|friends enemies|hero villain|innocent guilty
guilt innocence|convict acquit|prosecution defense|plaintiff defendant|sync async|synchronous asynchronous
serial parallel|encoder decoder|encryption decryption|compression decompression|serialize deserialize|marshal unmarshal
commit rollback|commit revert|merge split|join split|combine separate|attach remove|mount unmount|bind unbind
register unregister|load unload|undo redo|cut paste|copy move|minimize restore|expand collapse|show hide|allocate free
dynamic static|mutable immutable|signed unsigned|primary secondary|primary replica|major minor|majority minority
senior junior|superior inferior|upper lower|inner outer|breakfast dinner|lunch dinner|lunch breakfast|vegan carnivore
summer winter|spring autumn|spring fall|winter spring|summer autumn|oral written|verbal nonverbal|formal informal
offense defense|offensive defensive|predator prey|sweet sour|sweet bitter|raw cooked|ripe unripe|fresh stale
immigrate emigrate|immigration emigration|immigrant emigrant|takeoff landing|departure return
pause resume|pause play|stop resume|stop continue|start end|promote demote|promotion demotion|reward punish
praise criticize|praise blame|prevent cause|cause cure|cause effect|causes effects|causes symptoms|symptoms treatment
causes treatment|cause treat|prevent treat|cause prevent|trigger prevent|stimulate inhibit|stimulate suppress
gross net|pre post|prepaid postpaid|antecedent consequent|numerator denominator|multiply divide|addition subtraction
multiplication division|integral derivative|integrate differentiate|sine cosine|divergent convergent|diverge converge
attach separate|import return|refund charge|refund purchase|renew cancel|renew expire|book cancel|subscribe cancel
enroll withdraw|opt-in opt-out|encourage discourage|motivate demotivate|calm anxious|relax stress|asleep awake
sleep wake
overweight underweight|overestimate underestimate|overvalued undervalued|bull bear|bullish bearish|long-term short-term
ios android|windows linux|windows mac|mac linux|iphone android|python java|java javascript|python javascript
wholesale retail|weekday weekend|weekdays weekends|daily weekly|daily monthly|weekly monthly|monthly yearly
monthly annual|weekly yearly|daily yearly|annual quarterly|monthly quarterly|hourly daily|today tomorrow|today yesterday
yesterday tomorrow|am pm|ad bc|import upload|before during|after during|during between|breadth depth
minimum average|maximum average|mean median|average median|mean mode|median mode|lowest average|highest average
"""

_GROUPS: Final = (
    "january february march april may june july august september october november december",
    "monday tuesday wednesday thursday friday saturday sunday",
    "red blue green yellow orange purple pink brown black white gray grey",
    "usd eur gbp jpy inr cad aud chf cny dollar euro pound yen rupee yuan franc bitcoin",
    "dollars euros pounds yen rupees yuan francs",
    "celsius fahrenheit kelvin",
    "mile kilometer kilometre meter metre foot inch yard centimeter centimetre millimeter",
    "miles kilometers kilometres meters metres feet inches yards centimeters centimetres millimeters",
    "kg kilogram kilograms kilo kilos gram grams ounce ounces lb lbs ton tons tonnes",
    "liter litre gallon pint quart ounce milliliter cup tablespoon teaspoon",
    "liters litres gallons pints quarts ounces milliliters cups tablespoons teaspoons",
    "second seconds minute minutes hour hours day days week weeks month months year years decade century",
    "kilobyte megabyte gigabyte terabyte kb mb gb tb",
    "zero one two three four five six seven eight nine ten eleven twelve twenty fifty hundred thousand million billion",
    "second third fourth fifth sixth seventh eighth ninth tenth",
    "north south east west northeast northwest southeast southwest",
    "english french german spanish italian portuguese russian chinese japanese korean hindi arabic dutch",
    "breakfast lunch dinner brunch supper",
    "cat dog horse cow pig sheep rabbit bird fish",
    "json xml yaml csv html pdf",
    "mysql postgresql postgres sqlite oracle mongodb redis",
    "facebook instagram twitter snapchat whatsapp linkedin quora reddit tiktok youtube",
)
_SAME: Final = (
    {"kg", "kilogram", "kilograms", "kilo", "kilos"}, {"gram", "grams"}, {"ounce", "ounces"}, {"lb", "lbs"},
    {"ton", "tons", "tonnes"}, {"gray", "grey"}, {"kilometer", "kilometre"}, {"kilometers", "kilometres"},
    {"meter", "metre"}, {"meters", "metres"}, {"second", "seconds"}, {"minute", "minutes"}, {"hour", "hours"},
    {"day", "days"}, {"week", "weeks"}, {"month", "months"}, {"year", "years"}, {"kilobyte", "kb"},
    {"megabyte", "mb"}, {"gigabyte", "gb"}, {"terabyte", "tb"}, {"usd", "dollar"}, {"eur", "euro"}, {"gbp", "pound"},
    {"jpy", "yen"}, {"inr", "rupee"}, {"cny", "yuan"}, {"chf", "franc"}, {"postgres", "postgresql"},
    {"liter", "litre"}, {"liters", "litres"}, {"centimeter", "centimetre"}, {"centimeters", "centimetres"},
)  # fmt: skip


def _table() -> dict[str, frozenset[str]]:
    found: dict[str, set[str]] = {}
    for pair in _PAIRS.replace("\n", "|").split("|"):
        if pair:
            one, other = pair.split()
            found.setdefault(one, set()).add(other)
            found.setdefault(other, set()).add(one)
    for group in _GROUPS:
        words = group.split()
        for word in words:
            found.setdefault(word, set()).update(each for each in words if each != word)
    for same in _SAME:
        for word in same:
            found[word] -= same
    return {word: frozenset(others) for word, others in found.items()}


OPPOSITES: Final[dict[str, frozenset[str]]] = _table()
"""Of a word in lower case, those that mean another thing in its place."""


_ALIKE: Final = """
best good great top ideal better nice easi easy easiest fast fastest quick simple effective efficient
buy purchas|start begin|learn study master|make creat build develop|improve increas boost enhanc develop better
become be|find search look locat|get obtain|big large huge|job work career|money cash|movi film
phone mobil smartphon cellphon|car vehicl|doctor physician|kid child children|difference distinct
mean definition signific|use usag|fix repair resolv solv|remov delet rid eras|reason caus|happen occur
help assist|job employment|company firm busines|college universiti school|pictur photo imag|app application
website site webpag|laptop computer|free cost|india indian|usa america us|uk britain|person guy human
lose reduce shed|fat weight|recover restor retriev|reset change|password passcod|tip advice suggestion
book novel|believ think|favorit favourit best|speak talk|famou popular|rich wealthi|smart intelligent
view opinion thought|earn make|online internet|prepar studi|hacker hack|stop quit|cheap affordabl
websit site page|below under|biggest largest great greatest|list find|speak spoken|ask find|living live
stand view|bad poor|earn make|recommend best good|different differ|improv increas|calculat find comput
choos select pick|show display|attend visit join|chang modifi alter edit|error problem issu|trip travel visit
place destination spot|girl woman|women girl|cure treat|remedi cure
"""


def _alikes() -> dict[str, frozenset[str]]:
    found: dict[str, set[str]] = {}
    for group in _ALIKE.replace("\n", "|").split("|"):
        words = group.split()
        for word in words:
            found.setdefault(word, set()).update(words)
    return {word: frozenset(others) for word, others in found.items()}


SYNONYMS: Final[dict[str, frozenset[str]]] = _alikes()
"""Of a stem, those that mean about the same in a question."""
