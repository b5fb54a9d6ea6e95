"""Rules about what the hosts are: their traits, processors and hypervisors."""

from collections.abc import Iterable

from nmigrate.preflight.subjects import is_encrypted, spec
from nmigrate.preflight.verdict import Case, Reason, amber, forbidden
from nmigrate.preflight.words import ANOTHER_HOST
from nmigrate.sentences import say
from nmigrate.states import Kind

PROCESSOR = "HW_CPU_"
HOST_ONLY = ("HW_CPU_HYPERTHREADING", "HW_CPU_X86_AMD_SEV", "HW_CPU_X86_INTEL_TDX")
"""What no guest sees of a processor."""
ENCRYPTION = {
    "amd-sev": "HW_CPU_X86_AMD_SEV",
    "amd-sev-es": "HW_CPU_X86_AMD_SEV_ES",
    "amd-sev-snp": "HW_CPU_X86_AMD_SEV_SNP",
}
"""How a guest's memory is encrypted -> the trait that Nova asks for."""
TPM_SECRET = "COMPUTE_SECURITY_TPM_SECRET_SECURITY_"  # noqa: S105  # a trait
NAMED = 4
"""So many missing features are named; the rest is counted."""
SIMILAR_HOST = say("Choose a similar host, or move it cold.")
NEWER_HOST = say("Choose a newer host, or move it cold.")


def traits(case: Case) -> Iterable[Reason]:
    """What flavor and image require or forbid, as the scheduler asks placement."""
    host = case.host
    if host is None:
        return
    for specs in (case.subject.extra_specs, case.subject.image_properties):
        for name, wish in specs.items():
            if not name.startswith("trait:"):
                continue
            trait, has = name.removeprefix("trait:"), name.removeprefix("trait:") in host.traits
            if wish == "required" and not has:
                why = say("It needs {trait}, which {host} lacks.", trait=trait, host=host.host)
                yield forbidden("traits", why, ANOTHER_HOST)
            elif wish == "forbidden" and has:
                why = say(
                    "It must not be where {trait} is, and {host} has that.", trait=trait, host=host.host
                )
                yield forbidden("traits", why, ANOTHER_HOST)


def implied_traits(case: Case) -> dict[str, str]:
    """What Nova asks placement for besides, in words (nova/scheduler/utils.py, request_filter.py).

    How a vTPM's secret is kept is asked for since 2026.1: where the present host tells it, the other one must.
    """
    subject = case.subject
    found: dict[str, str] = {}
    if version := spec(subject, "tpm_version"):
        found[f"COMPUTE_SECURITY_TPM_{version.replace('.', '_')}"] = say("a vTPM")
        secret = f"{TPM_SECRET}{(spec(subject, 'tpm_secret_security') or 'user').upper()}"
        if case.source is not None and secret in case.source.traits:
            found[secret] = say("this kind of vTPM")
    if "required" in (
        subject.extra_specs.get("os:secure_boot"),
        subject.image_properties.get("os_secure_boot"),
    ):
        found["COMPUTE_SECURITY_UEFI_SECURE_BOOT"] = say("secure boot")
    model = spec(subject, "mem_encryption_model") or "amd-sev"
    if is_encrypted(subject) and model in ENCRYPTION:
        found[ENCRYPTION[model]] = say("encrypted memory")
    return found


def implied(case: Case) -> Iterable[Reason]:
    host = case.host
    if host is None:
        return
    for trait, words in implied_traits(case).items():
        if trait not in host.traits:
            yield forbidden(
                "implied",
                say(
                    "{name} needs a host with {what}, and {host} does not offer that.",
                    name=case.subject.name,
                    what=words,
                    host=host.host,
                ),
                ANOTHER_HOST,
            )


def missing_features(source: Iterable[str], destination: Iterable[str]) -> list[str]:
    """Features of the source's processor that the destination's has not; empty where either tells none."""
    has, needs = (
        {name for name in side if name.startswith(PROCESSOR) and not name.startswith(HOST_ONLY)}
        for side in (destination, source)
    )
    return sorted(needs - has) if has else []


def processor(case: Case) -> Iterable[Reason]:
    if case.kind is not Kind.LIVE or case.host is None or case.source is None:
        return
    missing = missing_features(case.source.traits, case.host.traits)
    if missing:
        shown = ", ".join(name.removeprefix(PROCESSOR) for name in missing[:NAMED])
        hosts = {"host": case.host.host, "source": case.source.host}
        why = (
            say(
                "The processor of {host} lacks {features} and {more} more, which {source} has; an "
                "instance that uses them cannot go there live.",
                features=shown,
                more=len(missing) - NAMED,
                **hosts,
            )
            if len(missing) > NAMED
            else say(
                "The processor of {host} lacks {features}, which {source} has; an instance that uses "
                "them cannot go there live.",
                features=shown,
                **hosts,
            )
        )
        yield amber("processor", why, SIMILAR_HOST)


def hypervisor_version(case: Case) -> Iterable[Reason]:
    host, source = case.host, case.source
    if case.kind is not Kind.LIVE or host is None or source is None:
        return
    if 0 < host.version < source.version:
        yield forbidden(
            "hypervisor_version",
            say(
                "The hypervisor of {host} is older than that of {source}.", host=host.host, source=source.host
            ),
            NEWER_HOST,
        )


def hypervisor_type(case: Case) -> Iterable[Reason]:
    host, source = case.host, case.source
    if case.kind is not Kind.LIVE or host is None or source is None:
        return
    if host.type and source.type and host.type != source.type:
        yield forbidden(
            "hypervisor_type",
            say(
                "{host} has another kind of hypervisor ({kind}) than {source} ({other}).",
                host=host.host,
                kind=host.type,
                source=source.host,
                other=source.type,
            ),
            ANOTHER_HOST,
        )


RULES = (traits, implied, processor, hypervisor_version, hypervisor_type)
