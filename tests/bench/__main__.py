"""`make bench`: measures, prints every figure beside its range, and fails where one is outside.

Figures are ratios against a plain script in the same run, or counts. Wall times are given where the promise is one; on
a busy machine they say little.
"""

from __future__ import annotations

import argparse
import asyncio
import subprocess
import sys
import time
from pathlib import Path
from statistics import median

import yaml
from tests.bench import admission, iam, pods, transfers
from tests.bench.onboarding import Run, by_cotenant, by_script, say, settled
from tests.bench.plane import Bench
from tests.bench.usable import calls_of_pods, first, latencies

from cotenant.kube.resource import TENANTS

RANGES = Path(__file__).with_name("ranges.yaml")
Figures = dict[str, float]


async def usual(tenants: int, spaces: int) -> Figures:
    """200 tenants with 5 spaces, then what life with them costs."""
    say(f"a plain script: {tenants} tenants with {spaces} spaces each")
    script = await by_script(tenants, spaces)
    async with Bench.fresh() as bench:
        await bench.start_operator()
        say("cotenant: the same")
        run = await by_cotenant(bench, tenants, spaces)
        found = compared(script, run, tenants)
        say("nothing changes")
        await settled(bench, 5)
        found["writes while nothing changes"] = await settled(bench, 15)
        found["operator memory, MiB"] = bench.memory()
        say("new spaces by their owners")
        times = await latencies(bench, min(100, tenants))
        found["space usable p50, ms"] = median(times)
        found["space usable p99, ms"] = times[int(len(times) * 0.99) - 1]
        await settled(bench, 8)
        found["webhook calls of pods"], found["operator calls after a space's pods"] = await calls_of_pods(bench)
        await settled(bench, 5)
        say("transfers at 1,000 spaces")
        found |= quick("1,000 spaces", *await transfers.many_tenants(bench, min(100, tenants)))
        found["ReplicaSets refused after a second"] = await transfers.refusals_left(bench, min(20, tenants))
        await settled(bench, 8)
        say("SIGKILL and restart")
        found |= await restarted(bench)
        return found


async def shared(spaces: int) -> Figures:
    """Pods, with the assist and beside a namespace without any of it; then a tenant with 200 spaces and 5 resources."""
    found: Figures = {}
    async with Bench.fresh(assist=True) as bench:
        await bench.start_operator()
        say("pods beside a native quota")
        ratio, calls = await pods.paired(bench, 200)
        say(f"  {ratio:.2f} of a native one; {calls:.0f} webhook calls")
        found |= {"pod create over native": ratio, "webhook calls while there is plenty": calls}
        say("pods in a space that holds nothing")
        refused, slowest = await pods.falsely_refused(bench)
        found |= {"bare pods falsely refused of 200": refused, "bare pod that waits p99, ms": slowest}
        await settled(bench, 8)
        found["writes while nothing changes, with assist"] = await settled(bench, 15)
        say(f"a tenant with {spaces} spaces and 5 resources")
        await transfers.given_wide(bench, "wide", spaces)
        await settled(bench, 8)
        return found | quick("200 spaces x 5", *await transfers.one_tenant(bench, "wide", min(100, spaces // 2)))


def quick(where: str, from_pool: list[float], from_space: list[float]) -> Figures:
    """Two rows."""
    for times in (from_pool, from_space):
        say(f"  {where}: p50 {median(times):.0f} ms, p99 {transfers.p99(times):.0f} ms, {len(times)} times")
    return {
        f"transfer at {where} p99, ms": transfers.p99(from_pool),
        f"transfer with drain at {where} p99, ms": transfers.p99(from_space),
    }


async def untouched() -> Figures:
    """A plane that never had a tenant: Kubernetes' own controllers do not know our kinds yet."""
    say("the first tenant of a fresh plane")
    async with Bench.fresh() as bench:
        await bench.start_operator()
        return {"first tenant to first pod on a fresh plane, ms": await first(bench)}


CROWD = 1500


async def policed() -> Figures:
    """What the policies cost a pod, alone and among many spaces; and how soon a change of their parameters is obeyed."""
    say("pods with and without policies")
    async with Bench.fresh() as bench:
        ours, pooled, native = await admission.pod_creates(bench)
        say(f"  {ours:.2f} ms in a space, {pooled:.2f} ms in one with nodes of its own, {native:.2f} ms natively")
        times = await admission.changes(bench)
        say(f"  a SpacePolicy is obeyed after {median(times):.1f} ms, p99 {transfers.p99(times):.1f} ms")
        say(f"the same among {CROWD} spaces")
        crowd, alone = await admission.crowded(bench, CROWD)
        say(f"  {crowd:.2f} ms in a space, {alone:.2f} ms natively")
        return {
            "pod create, policies over native, p50 ratio": ours / native,
            "pod create, policies and pool over native, p50 ratio": pooled / native,
            "pod create at 1,500 spaces, policies over native, p50 ratio": crowd / alone,
            "parameter change obeyed p99, ms": transfers.p99(times),
        }


async def mapped() -> Figures:
    """60 tenants with three members by IAM principal each, from no access entry at all."""
    say("members by IAM principal: 60 tenants with three each")
    took, made, making, after = await iam.entries(60, 3)
    say(f"  {made} access entries in {took:.0f} s, {len(making)} EKS calls; a look afterwards: {len(after)}")
    return {
        "EKS calls in any minute while members are mapped": iam.most(making, 60),
        "EKS calls per member mapped": len(making) / made,
        "EKS calls of a look that finds nothing to do": len(after),
        "EKS writes of a look that finds nothing to do": iam.writes(after),
    }


async def ten_thousand(tenants: int, spaces: int) -> Figures:
    """The same questions at 2,000 tenants with 5 spaces, and one edit among them."""
    say(f"a plain script: {tenants} tenants with {spaces} spaces each")
    script = await by_script(tenants, spaces)
    async with Bench.fresh() as bench:
        await bench.start_operator()
        say("cotenant: the same")
        run = await by_cotenant(bench, tenants, spaces)
        found = compared(script, run, tenants)
        say("settling, then one tenant is edited")
        while await settled(bench, 10):
            say("  still writing")
        found |= await edited(bench)
        found["operator memory, MiB"] = bench.memory()
        say("SIGKILL and restart")
        found |= await restarted(bench)
        return {f"ten thousand: {name}": value for name, value in found.items()}


def compared(script: Run, run: Run, tenants: int) -> Figures:
    """cotenant against the script."""
    for name, one in (("script", script), ("cotenant", run)):
        say(f"  {name} {one.seconds:.1f} s, {one.writes} writes, {one.cpu:.1f} s of CPU")
    return {
        "onboarding ratio": run.seconds / script.seconds,
        "onboarding CPU ratio": run.cpu / script.cpu,
        "onboarding writes per tenant over the script's": (run.writes - script.writes) / tenants,
    }


async def restarted(bench: Bench) -> Figures:
    """A new process after SIGKILL: it knows its own Lease again, and finds nothing to write."""
    bench.kill()
    mark = bench.plane.audit_mark()
    seconds = await bench.start_operator()
    await asyncio.sleep(10)
    writes = [call for call in bench.writes(mark) if call.resource != "leases"]
    return {"restart to ready, seconds": seconds, "restart writes but the Lease's": len(writes)}


async def edited(bench: Bench) -> Figures:
    """A member more in one tenant: how long until the last of its bindings says so, and who else was touched."""
    mark, began = bench.plane.audit_mark(), time.monotonic()
    member = {"role": "editor", "group": "late-joiners"}
    await bench.client.merge(TENANTS, "t7", {"spec": {"members": [member]}})
    last = began
    for _ in range(60):
        await asyncio.sleep(0.1)
        calls = [
            call for call in bench.writes(mark) if call.resource == "rolebindings" and call.name == "cotenant-editor"
        ]
        last = time.monotonic()
        if len(calls) >= 5:
            break
    await asyncio.sleep(3)
    touched = [call for call in bench.writes(mark) if call.resource != "leases"]
    others = [
        one for one in touched if one.namespace and not (one.namespace.startswith("t7-") or one.namespace == "home-t7")
    ]
    return {"one tenant edited, seconds": last - began, "objects of others touched by the edit": len(others)}


def help_time() -> float:
    """Milliseconds of `cotenant --help`, the median of nine."""
    times = []
    for _ in range(9):
        began = time.monotonic()
        subprocess.run([sys.executable, "-m", "cotenant", "--help"], check=True, capture_output=True)
        times.append(1000 * (time.monotonic() - began))
    return median(times)


def demo_time() -> float:
    """Seconds of the whole demo."""
    say("the demo")
    began = time.monotonic()
    subprocess.run([sys.executable, "-m", "cotenant", "demo", "--yes"], check=True, capture_output=True)
    return time.monotonic() - began


def report(found: Figures) -> int:
    """The table; 1 if a figure is outside its range."""
    ranges = yaml.safe_load(RANGES.read_text())
    outside = 0
    for name, value in found.items():
        bound = ranges[name]["at most"]
        bad = value > bound
        outside += bad
        print(f"{'OUT ' if bad else 'ok  '} {name:<55} {value:>10.2f}   at most {bound}")
    return 1 if outside else 0


def main() -> int:
    """Measures and reports."""
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    parser.add_argument("--ten-thousand", action="store_true", help="10,000 spaces instead of 1,000")
    parser.add_argument("--tenants", type=int, help="so many tenants instead")
    parser.add_argument("--policies", action="store_true", help="what the policies cost alone")
    parser.add_argument("--quota", action="store_true", help="transfers of quota and pods alone, without onboarding")
    parser.add_argument("--iam", action="store_true", help="what members by IAM principal cost the EKS API alone")
    parser.add_argument("--spaces", type=int, default=200, help="with --quota: spaces of the tenant that has many")
    choice = parser.parse_args()
    if choice.policies:
        return report(asyncio.run(policed()))
    if choice.quota:
        return report(asyncio.run(shared(choice.spaces)))
    if choice.iam:
        return report(asyncio.run(mapped()))
    if choice.ten_thousand:
        return report(asyncio.run(ten_thousand(choice.tenants or 2000, 5)))
    found = {"help, ms": help_time(), "demo, seconds": demo_time()}
    for part in (untouched(), policed(), usual(choice.tenants or 200, 5), shared(choice.spaces), mapped()):
        found |= asyncio.run(part)
    return report(found)


if __name__ == "__main__":
    sys.exit(main())
