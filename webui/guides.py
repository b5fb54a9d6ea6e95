"""The short guide of each role, and the tour of the demo: what to do, in order, with the page where it is done."""

from dataclasses import dataclass

from nmigrate.sentences import say


@dataclass(frozen=True, slots=True)
class Hint:
    """One thing that a person comes for: the question, the way to the answer, and the page where it begins.
    `terms` are words of the glossary that the answer uses; `command`: what is typed in a terminal for it."""

    question: str
    answer: str
    url: str = ""
    link: str = ""
    terms: tuple[str, ...] = ()
    command: str = ""


@dataclass(frozen=True, slots=True)
class Guide:
    """One role: what it is for, its hints, and what it leaves to others."""

    role: str
    title: str
    purpose: str
    hints: tuple[Hint, ...]
    not_mine: str


GUIDES: tuple[Guide, ...] = (
    Guide(
        "helpdesk",
        say("Helpdesk: move an instance"),
        say(
            "You have a ticket. At the end the right kind of move is under way, and a page says "
            "how it stands."
        ),
        (
            Hint(
                say("How do I find the instance of my ticket?"),
                say(
                    "Type part of its name, an address, its project or its host into “Find…” at the top of any page; "
                    "the key / leads there. "
                    "The arrow keys walk through what is found, Enter opens it."
                ),
                "clouds",
                say("Look at the topology"),
                ("instance", "project"),
            ),
            Hint(
                say("Which kind of move is right?"),
                say(
                    "Press “Move it”. Every way is shown with what it costs, and the best one is chosen "
                    "already. What cannot be done says why. A running instance is moved live where the "
                    "cloud can; otherwise it is down for a minute or two, and a manager must agree first."
                ),
                "guide_words",
                say("What do these words mean?"),
                ("cold", "live", "shelve", "copy"),
            ),
            Hint(
                say("Where does my move stand?"),
                say(
                    "“My work” lists your moves. Each has a page that follows by itself: what was done, "
                    "what happens now, what comes next. You may close it; the move goes on."
                ),
                "mine",
                say("To my work"),
            ),
            Hint(
                say("When is it really done?"),
                say(
                    "When its page says “done”. A live move ends by itself. A cold move first says “waits for a "
                    "decision”: it has arrived, a manager confirms or rejects it, and you need do nothing."
                ),
            ),
            Hint(
                say("It failed. What now?"),
                say(
                    "The page of the move says what happened in plain words, what to do next, and whether "
                    "you or an operator can do it. If it stopped half-way, you choose there how it goes "
                    "on: try the step again, go back, or leave it."
                ),
                "migrations",
                say("To the migrations"),
                ("half-way",),
            ),
            Hint(
                say("I asked for the wrong thing."),
                say(
                    "Until it is sent you can withdraw it. A live move can be stopped on its way: the "
                    "instance goes on running where it was. A cold move or a copy that has arrived a manager can still "
                    "reject; any other is moved again."
                ),
            ),
        ),
        say(
            "A manager must approve a move that takes a running instance down, and decides at "
            "the end of every cold move and every copy. An operator unlocks instances and looks "
            "after hosts."
        ),
    ),
    Guide(
        "manager",
        say("Manager: decide"),
        say("Something waits for you. Each decision has a page with all that it needs."),
        (
            Hint(
                say("What waits for me?"),
                say(
                    "The number beside “Approvals” counts it, on every page. What is due comes first, then "
                    "what has waited longest. Two clicks decide: open it, press one of the two buttons."
                ),
                "approvals",
                say("To the approvals"),
                ("decision",),
            ),
            Hint(
                say("What do I decide on?"),
                say(
                    "Before a move: whether an instance that runs may go down for it. After a move: "
                    "whether it stays on its new host. The page shows who asked, why, and what is "
                    "different from before; what should not have changed is marked."
                ),
            ),
            Hint(
                say("What if I do nothing?"),
                say(
                    "A decision may have a deadline; its page says what happens then. Until "
                    "somebody decides, the room on the old host stays taken, and the instance is locked."
                ),
                terms=("lock",),
            ),
            Hint(
                say("May I decide on my own request?"),
                say("No, nobody may. Another manager decides; even the database refuses anything else."),
            ),
            Hint(
                say("Many wait for me."),
                say(
                    "Tick them in the list and decide together, with one comment. Each is still "
                    "checked and recorded by itself."
                ),
                "approvals",
                say("To the approvals"),
            ),
        ),
        say(
            "You can do what helpdesk does. An operator unlocks instances and evacuates hosts that are dead."
        ),
    ),
    Guide(
        "auditor",
        say("Auditor: prove what happened"),
        say(
            "You have a question: who moved it, when, and who allowed it? Here is the answer, with its proof."
        ),
        (
            Hint(
                say("Who moved this instance, and who allowed it?"),
                say(
                    "Type its name into the field on “My work” and press Enter: each of its moves in one row, "
                    "with who asked, who allowed it and what came of it. “Every entry” is the proof behind that. "
                    "Filter by person, host, action and time; the address of the page keeps the question."
                ),
                "audit_trail",
                say("To the audit trail"),
                ("audit-trail",),
            ),
            Hint(
                say("How do I know that nobody changed it?"),
                say(
                    "Every entry carries a fingerprint over itself and the one before. The page "
                    "checks the whole chain and says so; a script can check it with a command."
                ),
                "audit_trail",
                say("To the audit trail"),
                ("chain",),
            ),
            Hint(
                say("Did anybody act outside nmigrate?"),
                say(
                    "What was decided in the cloud itself is noticed and marked, and stands on “My work” "
                    "as well. The trail has a filter for it."
                ),
                "audit_trail",
                say("To the audit trail"),
                ("outside",),
            ),
            Hint(
                say("I need it in a file."),
                say(
                    "“Export as CSV” gives what you have filtered, for a spreadsheet, “As JSON” the same "
                    "for a program. “Every entry” has one line for each entry, with its fingerprint; “Move by "
                    "move” has one for each move, with its kind, its zones and how it ended. What is in both has "
                    "the same "
                    "column: time in UTC and in your time zone, who, cloud, instance, UUID, hosts, reason, "
                    "ticket, Nova's request id."
                ),
                "audit_trail",
                say("To the audit trail"),
            ),
        ),
        say("You see everything and change nothing."),
    ),
    Guide(
        "operator",
        say("Operator: keep it running"),
        say("You want to see what is broken before users do, or to empty a host."),
        (
            Hint(
                say("What is broken?"),
                say(
                    "“My work” lists hosts in trouble, what was found to go wrong quietly, and failed "
                    "moves that only you can put right. “Health” says whether nmigrate itself is well."
                ),
                "health",
                say("To the health page"),
                ("finding",),
            ),
            Hint(
                say("How do I empty a host?"),
                say(
                    "First take its service out in the cloud with the command below, so that nothing new is placed "
                    "on it: nmigrate cannot do that. Then open the host in the topology and press “Empty this host”: "
                    "a way and a host are proposed for each instance, and one reason serves for all of them."
                ),
                "clouds",
                say("To the topology"),
                ("out-of-service", "capacity", "reserved"),
                "openstack compute service set \\\n  --disable HOST nova-compute",
            ),
            Hint(
                say("A host is dead."),
                say(
                    "Make certain that it is off. Then its page has “Evacuate this host”, which says of each "
                    "instance what is lost. A host that comes back while its instances run elsewhere damages "
                    "their disks."
                ),
                "clouds",
                say("To the topology"),
                ("evacuate",),
            ),
            Hint(
                say("An instance is in error."),
                say(
                    "Its page says what the cloud noted. Find the cause on its host first, then bring it back with the "
                    "commands below; a restart shows whether it is well. One that is on no host never started: its "
                    "owner deletes it and creates it anew, once there is room. Only then can it be moved."
                ),
                command="openstack server set \\\n  --state active UUID\nopenstack server reboot \\\n  --hard UUID",
            ),
            Hint(
                say("A move stopped half-way."),
                say(
                    "Its page says what exists now. You, the helpdesk and the managers can try the step again, go "
                    "back, or leave it; then you put right in the cloud what is left."
                ),
                "migrations",
                say("To the migrations"),
                ("half-way",),
            ),
            Hint(
                say("An instance is locked."),
                say(
                    "Its page says why, where a reason was given; Nova does not say who locked it, so ask its "
                    "owner first. You may unlock it, with a reason that is kept; while a decision waits, do not."
                ),
                terms=("lock",),
            ),
        ),
        say("Managers decide on moves; you can do what helpdesk does."),
    ),
)


def of_roles(names: set[str]) -> list[Guide]:
    """All guides, those of the person's own roles first."""
    return sorted(GUIDES, key=lambda guide: guide.role not in names)
