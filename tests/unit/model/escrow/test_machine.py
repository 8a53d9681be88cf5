"""Random schedules of three leaders with stale caches over five spaces: what is too large to be explored whole."""

from __future__ import annotations

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from msgspec.structs import replace

from cotenant.model.escrow.drain import Drain
from cotenant.model.escrow.grow import Grow
from cotenant.model.escrow.merge import merge
from cotenant.model.escrow.messages import Finished, PutLedger
from cotenant.model.escrow.protocol import advance, begin
from cotenant.model.escrow.rebuild import Rebuild
from cotenant.model.escrow.repair import plan_repairs
from cotenant.model.escrow.resize import Resize
from cotenant.model.escrow.settle import Settle
from unit.model.escrow.cluster import Cluster

SPACES = ["a", "b", "c", "d", "e"]
spaces = st.sampled_from(SPACES)
leaders = st.integers(0, 2)
amounts = st.integers(0, 12)


def wants(step, base):
    """Whether a task waits to store a ledger over the one that is there."""
    request = getattr(step, "request", None)
    return isinstance(request, PutLedger) and request.ledger.version == base.version


class Play(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.cluster = Cluster(9, SPACES)
        self.cluster.play(Rebuild())
        self.tasks = {}
        self.limits = [self.cluster.limit]

    def within(self, data):
        return data.draw(st.sampled_from(self.limits)).amount

    @rule(
        leader=leaders,
        space=spaces,
        to=amounts,
        kind=st.sampled_from(["grow", "admit", "drain", "retire"]),
        data=st.data(),
    )
    def one_begins_a_transfer(self, leader, space, to, kind, data):
        cache = data.draw(st.none() | st.sampled_from(self.cluster.ledgers))
        quota = data.draw(st.none() | st.sampled_from(self.cluster.past[space]))
        within = self.within(data)
        intent = Grow(space, to, within, kind == "admit") if kind in ("grow", "admit") else Drain(space, to, within, retire=kind == "retire")  # fmt: skip
        self.tasks[leader] = begin(intent, cache, quota)

    @rule(leader=leaders, space=spaces, kind=st.sampled_from(["settle", "resize", "rebuild"]), data=st.data())
    def one_begins_something_else(self, leader, space, kind, data):
        cache = data.draw(st.none() | st.sampled_from(self.cluster.ledgers))
        limit = data.draw(st.sampled_from(self.limits))
        self.tasks[leader] = begin(
            {"settle": Settle(space), "resize": Resize(limit), "rebuild": Rebuild()}[kind], cache
        )

    @precondition(lambda self: self.tasks)
    @rule(leader=leaders, steps=st.integers(1, 5))
    def one_goes_on(self, leader, steps):
        for _ in range(steps):
            step = self.tasks.get(leader)
            if step is None or isinstance(step, Finished):
                self.tasks.pop(leader, None)
                return
            self.tasks[leader] = advance(step, self.cluster.perform(step.request))

    @rule(data=st.data())
    def several_tasks_of_one_process_write_the_ledger(self, data):
        base = self.cluster.ledger
        waiting = {leader: step for leader, step in self.tasks.items() if base and wants(step, base)}
        if len(waiting) < 2:
            return
        order = data.draw(st.permutations(sorted(waiting)))
        stored, taken = merge(base, [waiting[leader].request.ledger for leader in order], self.within(data))
        answer = self.cluster.perform(PutLedger(stored))
        for leader in (order[at] for at in taken):
            self.tasks[leader] = advance(replace(waiting[leader], request=PutLedger(stored)), answer)

    @precondition(lambda self: self.tasks)
    @rule(leader=leaders)
    def one_crashes(self, leader):
        self.tasks.pop(leader, None)

    @rule(space=spaces, amount=st.integers(1, 6))
    def something_is_created(self, space, amount):
        quota = self.cluster.quotas.get(space)
        if quota and quota.used + amount <= min(quota.hard, quota.enforced):
            self.cluster.store(replace(quota, used=quota.used + amount), whole=False)

    @rule(space=spaces, amount=st.integers(1, 6))
    def something_is_deleted(self, space, amount):
        quota = self.cluster.quotas.get(space)
        if quota and quota.used:
            self.cluster.store(replace(quota, used=max(0, quota.used - amount)), whole=False)

    @rule(space=spaces)
    def the_quota_controller_looks(self, space):
        quota = self.cluster.quotas.get(space)
        if quota and quota.enforced != quota.hard:
            self.cluster.store(replace(quota, enforced=quota.hard), whole=False)

    @rule(limit=amounts)
    def the_limit_changes(self, limit):
        self.cluster.resize(limit)
        self.limits.append(self.cluster.limit)

    @rule(chance=st.integers(0, 3))
    def the_ledger_is_lost(self, chance):
        if chance == 0:
            self.cluster.ledger = None

    @rule(space=spaces)
    def a_namespace_goes_or_comes(self, space):
        if space in self.cluster.quotas:
            self.cluster.close(space)
        else:
            self.cluster.open(space)

    @invariant()
    def the_limit_holds(self):
        quotas, ledger = self.cluster.quotas.values(), self.cluster.ledger
        assert sum(quota.hard for quota in quotas) <= self.cluster.ceiling
        assert sum(quota.used for quota in quotas) <= self.cluster.ceiling
        if ledger and not ledger.rebuilding:
            assert ledger.limit <= self.cluster.ceiling
            for quota in quotas:
                entry = ledger.entry(quota.space)
                assert quota.hard <= (entry.allocation if entry else 0)

    def teardown(self):
        """Everybody stops; one leader alone puts things in order, and the last unit can be had."""
        cluster = self.cluster
        for _ in range(6):
            gone = set(SPACES) - set(cluster.quotas)
            for intent in (plan := plan_repairs(cluster.ledger, cluster.quotas, cluster.limit, gone)):
                cluster.play(intent)
            if not plan:
                break
        assert not plan
        assert cluster.ledger.limit == max(cluster.limit.amount, cluster.ledger.allocated)
        for space in cluster.quotas:
            cluster.play(Grow(space, 99, cluster.limit.amount))
        if cluster.quotas:
            assert cluster.ledger.allocated >= cluster.limit.amount
            assert sum(quota.enforced for quota in cluster.quotas.values()) == cluster.ledger.allocated


Play.TestCase.settings = settings(max_examples=120, stateful_step_count=40, deadline=None)
TestRandomSchedules = Play.TestCase
