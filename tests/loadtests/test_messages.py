from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

from hypothesis import given
from hypothesis import strategies as st

from loadtests import messages, run_store
from loadtests.messages import ArmTarget, Credential, Message, Order, ReplicaAddress
from loadtests.model import PlannedSlice, RevocationRecord, SliceRecord, TabsRecord
from loadtests.plan import plan_block
from tests.builders import a_run, a_slice, a_trial, an_experiment
from tests.lab_builders import a_browser, a_theft
from tests.loadtests.tiny_run import refuse

text = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
times_s = st.floats(0, 1e6)
maybe_s = st.none() | times_s

planned = st.builds(PlannedSlice, st.integers(0, 9), text, st.integers(0, 9), text, st.integers(0))
slices = st.builds(
    a_slice,
    arm=text,
    round=st.integers(0, 99),
    started_s=times_s,
    duration_s=times_s,
    steal_s=maybe_s,
    foreign_cpu_s=maybe_s,
    findings=st.lists(text, max_size=3).map(tuple),
)
trials = st.builds(
    a_trial,
    arm=text,
    effective_within_s=maybe_s,
    last_accepted_sent_s=maybe_s,
    first_rejected_sent_s=maybe_s,
    lag_low_s=times_s,
    lag_high_s=maybe_s,
    revoke=st.sampled_from(["ok", "refused", "indeterminate"]),
)
browsers = st.builds(
    a_browser,
    arm=text,
    spread_s=times_s,
    outcome=st.sampled_from(["kept", "logged_out", "unknown"]),
) | st.builds(a_theft, arm=text, family_ended=st.none() | st.booleans())


@given(
    st.builds(
        Message,
        starting=st.none() | planned,
        slice=st.none() | slices,
        revocation=st.none() | trials,
        tabs=st.none() | browsers,
        done=st.booleans(),
    )
)
def test_a_message_arrives_as_it_was_sent(message: Message) -> None:
    line = messages.message_line(message)
    assert line.endswith(b"\n")
    assert line.count(b"\n") == 1
    assert messages.parse_message(line) == message


@given(slices)
def test_a_slice_line_holds_the_slice(record: SliceRecord) -> None:
    line = run_store.slice_line(record)
    assert "\n" not in line
    with TemporaryDirectory() as folder:
        run_store.append_line(Path(folder), run_store.SLICES_FILE, line)
        assert list(run_store.read_slices(Path(folder), refuse)) == [record]


@given(trials)
def test_a_trial_line_is_one_line(record: RevocationRecord) -> None:
    assert "\n" not in run_store.revocation_line(record)


@given(browsers)
def test_a_line_of_tabs_holds_what_they_saw(record: TabsRecord) -> None:
    line = run_store.tabs_line(record)
    assert "\n" not in line
    with TemporaryDirectory() as folder:
        run_store.append_line(Path(folder), run_store.TABS_FILE, line)
        assert list(run_store.read_tabs(Path(folder), refuse)) == [record]


@given(text, text, st.none() | st.integers(1, 2**22))
def test_an_order_arrives_as_it_was_sent(user: str, credential: str, pid: int | None) -> None:
    experiment = an_experiment()
    target = ArmTarget(
        arm="none",
        carrier="cookie",
        cookie_name="session",
        replicas=(ReplicaAddress("127.0.0.1", 8001, pid), ReplicaAddress("127.0.0.1", 8002)),
        store_pid=pid,
        credentials=(Credential(user, credential, "", user),),
    )
    order = Order(
        experiment=experiment,
        slices=tuple(plan_block(experiment, 0))[:5],
        targets=(target,),
        placement=a_run().placement,
        run_started_ns=12,
        own_pids=(1, 2),
        admin_secret=credential,
        password=user,
    )
    line = messages.order_line(order)
    assert line.count(b"\n") == 1
    assert messages.parse_order(line) == order
    assert order.target("none") == target


def test_where_a_replica_listens() -> None:
    assert ReplicaAddress("127.0.0.1", 8001).origin == "http://127.0.0.1:8001"
