"""The words of the trade in plain words: one table, shown beside the word and as a page of its own."""

from dataclasses import dataclass

from nmigrate.sentences import say


@dataclass(frozen=True, slots=True)
class Term:
    """A word, what it means for somebody who never heard it, and what Nova calls it where that differs."""

    word: str
    means: str
    nova: str = ""


GROUPS: tuple[tuple[str, tuple[str, ...]], ...] = (
    (
        say("Ways to move an instance"),
        ("cold", "live", "block", "post-copy", "shelve", "copy", "evacuate"),
    ),
    (
        say("What a cloud is made of"),
        (
            "nova",
            "instance",
            "hypervisor",
            "zone",
            "volume",
            "local-disk",
            "config-drive",
            "flavor",
            "project",
            "uuid",
            "firmware",
            "owner",
        ),
    ),
    (
        say("What decides where it may go"),
        (
            *("scheduler", "capacity", "room", "reserved", "pin"),
            *("server-group", "trait", "lock", "out-of-service"),
        ),
    ),
    (
        say("What nmigrate adds"),
        ("decision", "half-way", "outside", "audit-trail", "chain", "finding"),
    ),
)

TERMS: dict[str, Term] = {
    "cold": Term(
        say("cold migration"),
        say(
            "The instance is moved while it is off: one that runs is shut down, its disk is brought to the "
            "other host, and it is started again there. It is down for a minute or two. A manager then "
            "confirms that it stays."
        ),
        "migrate, resize",
    ),
    "live": Term(
        say("live migration"),
        say(
            "The instance goes on running while its memory is copied to the other host. Whoever uses it "
            "notices a pause of well under a second. It ends by itself; nobody has to confirm it."
        ),
        "os-migrateLive",
    ),
    "block": Term(
        say("block migration"),
        say(
            "A live migration that copies the disk as well, because the two hosts share no storage. It "
            "takes longer: all of the disk goes over the network."
        ),
        "block_migration",
    ),
    "post-copy": Term(
        say("post-copy"),
        say(
            "The last part of a live migration that would not end: the instance runs on its new host "
            "already, and fetches the rest of its memory from the old one. From then on it cannot be "
            "stopped."
        ),
        "running (post-copy)",
    ),
    "shelve": Term(
        say("shelve and unshelve"),
        say(
            "The instance is shut down and stored, taken off its host, and brought up again in the other "
            "zone. It keeps its identity, addresses and volumes; it is down for all that time."
        ),
        "shelve, shelveOffload, unshelve",
    ),
    "copy": Term(
        say("snapshot and boot"),
        say(
            "The instance is stopped, a picture of its disk is taken, and a second instance is started from it in the "
            "other zone. A manager keeps that copy or drops it; if it is dropped, what was written on it is lost "
            "and the old one is started again."
        ),
        "createImage, POST /servers",
    ),
    "evacuate": Term(
        say("evacuation"),
        say(
            "The instance is built anew on another host because its own is dead. With shared storage or "
            "volumes its disk is still there; without, what was on its local disk is lost. Only for a host "
            "that is certainly off."
        ),
        "evacuate",
    ),
    "nova": Term(
        say("Nova"),
        say(
            "The part of the cloud that starts, stops and moves instances. nmigrate asks it for every move, and "
            "believes nothing that it does not say. A zone may be called nova, too; that is only a name."
        ),
    ),
    "instance": Term(
        say("instance"), say("One virtual machine, with its disk, its addresses and its size."), "server"
    ),
    "hypervisor": Term(
        say("host"),
        say("A physical machine on which instances run. The program on it that runs them is its hypervisor."),
        "hypervisor, compute host",
    ),
    "zone": Term(
        say("zone"),
        say(
            "A part of the cloud with its own power and network, such as one room or one building. What "
            "stands in two zones does not all fail at the same time."
        ),
        "availability zone",
    ),
    "volume": Term(
        say("volume"),
        say(
            "A disk that lives in the storage system, not on a host. It follows its instance to any host "
            "that reaches it."
        ),
        "Cinder volume",
    ),
    "local-disk": Term(
        say("local disk"),
        say("A disk that lies on the host itself. To move the instance it must be copied over the network."),
    ),
    "config-drive": Term(
        say("config drive"),
        say(
            "A small read-only disk with the instance's settings. Some older clouds cannot move an instance "
            "live that has one."
        ),
    ),
    "flavor": Term(
        say("flavor"), say("The size of an instance: how many processors, how much memory and disk it has.")
    ),
    "project": Term(
        say("project"),
        say("Whose instances these are: a team or a customer with its own share of the cloud."),
        "tenant",
    ),
    "uuid": Term(
        say("UUID"),
        say(
            "The number by which the cloud knows an instance. It never changes; a copy has a new one, so whoever "
            "wrote the old one down, such as a backup or a script, must be told."
        ),
        "id",
    ),
    "firmware": Term(
        say("firmware"),
        say(
            "What starts inside an instance before its system does (BIOS or UEFI), and the settings it keeps, such "
            "as the order of its disks. A virtual TPM keeps keys there: without it, an encrypted disk may not open."
        ),
        "NVRAM, vTPM",
    ),
    "owner": Term(
        say("owner"),
        say(
            "Whoever answers for an instance: the people of its project. To the cloud it is the account that created "
            "it; the owner of a copy is the account of nmigrate."
        ),
        "user_id",
    ),
    "scheduler": Term(
        say("scheduler"),
        say(
            "The part of the cloud that chooses a host for an instance: one that has room and breaks no rule."
        ),
    ),
    "capacity": Term(
        say("capacity"),
        say(
            "What a host can give to instances. Processors are often promised more than once, because few "
            "instances are busy at the same time; so the number may be larger than what is built in."
        ),
        "(total - reserved) * allocation_ratio",
    ),
    "room": Term(
        say("room"),
        say(
            "The processors, memory and disk that an instance takes on a host. During a live or cold move they are "
            "counted on both hosts."
        ),
        "allocation",
    ),
    "reserved": Term(
        say("reserved"),
        say("What a host keeps for itself: instances never get it, so it does not count as free."),
    ),
    "pin": Term(
        say("bound to a zone"),
        say(
            "Whoever created the instance asked for this zone, and so it may not leave it. A newer Nova can "
            "free it for the move and bind it to the new zone."
        ),
        "pinned_availability_zone",
    ),
    "server-group": Term(
        say("server group"),
        say(
            "A rule about several instances: keep them on different hosts, so that one failure does not "
            "take all of them, or keep them together on one."
        ),
        "affinity, anti-affinity",
    ),
    "trait": Term(
        say("trait"),
        say("Something that a host can do, such as a feature of its processor. An instance may ask for it."),
    ),
    "lock": Term(
        say("lock"),
        say(
            "Nobody in its project can change a locked instance. nmigrate locks it while a decision waits, "
            "and puts back the lock that was there before."
        ),
    ),
    "out-of-service": Term(
        say("out of service"),
        say(
            "An operator has taken the host out: what is on it goes on running, and nothing new is placed "
            "there."
        ),
        "disabled",
    ),
    "decision": Term(
        say("decision"),
        say(
            "A manager says whether a move starts, or whether it stays as it is now. Nobody decides on "
            "what they asked for themselves."
        ),
    ),
    "half-way": Term(
        say("stopped half-way"),
        say(
            "A step failed after an earlier one had changed something. Its page says what exists now, and "
            "offers to try again, to go back, or to leave it."
        ),
    ),
    "outside": Term(
        say("outside nmigrate"),
        say(
            "Done in the cloud by other means than these pages. It is noticed, and kept as such in the "
            "audit trail."
        ),
    ),
    "audit-trail": Term(
        say("audit trail"),
        say(
            "Who asked, who decided, what Nova did: each entry with its time. Nobody can change "
            "or delete one, not even in nmigrate."
        ),
    ),
    "chain": Term(
        say("chain"),
        say(
            "Each entry of the audit trail carries a fingerprint over itself and the one before it. If one "
            "was changed, removed or slipped in, the fingerprints no longer fit."
        ),
    ),
    "finding": Term(
        say("finding"),
        say(
            "Something that goes wrong quietly, found by looking at the cloud again and again: a move that "
            "hangs, a lock that is gone."
        ),
    ),
}
