#!/usr/bin/env python3
"""Differential fuzzer of the CIB's checkers: metronome's crm_rule and crm_verify beside the released ones (2.1.5).

usage: cib_checks_fuzz.py SEED COUNT         random rules at random times; random defects in a document; prints what differs

METRONOME names the program (default target/release/metronome). Of crm_rule the exit code and all output are compared; of
crm_verify the exit code and whether it says anything, as the words of the XML validators are not specified. What the
releases differ in on purpose is not generated: text that is not well-formed (the older one mends it), documents without a schema or with `none` (the older one
lets them pass, or aborts), schemas after pacemaker-3.9, malformed rules.
"""
import os, random, subprocess, sys

OURS = os.path.abspath(os.environ.get("METRONOME", "target/release/metronome"))
ENV = dict(os.environ, LC_ALL="C", TZ="UTC")
R = random.Random()


def date():
    day = R.choice([f"{R.randrange(2018, 2023)}-{R.randrange(1, 13):02}-{R.randrange(1, 29):02}", f"{R.randrange(2018, 2023)}-{R.randrange(1, 366):03}",
                    f"{R.randrange(2018, 2023)}-W{R.randrange(1, 53):02}-{R.randrange(1, 8)}"])
    return day + R.choice(["", " 12:00:00Z", f" {R.randrange(24):02}:{R.randrange(60):02}", "T0800Z", " 07:00:00 +02:00"])


def span(low, high):
    a, b = sorted((R.randrange(low, high), R.randrange(low, high)))
    return R.choice([f"{a}", f"{a}-{b}", f"{a}-", f"-{b}"])


SPEC = dict(years=(2018, 2023), months=(1, 13), monthdays=(1, 32), hours=(0, 24), minutes=(0, 60), yeardays=(1, 366), weeks=(1, 53), weekdays=(1, 8))


def date_expression(i):
    how = R.choice(["gt", "lt", "in_range", "in_range", "in_range", "date_spec", "date_spec"])
    if how == "date_spec":
        names = ["years"] + R.sample([n for n in SPEC if n != "years"], R.randrange(4)) if R.randrange(8) else ["months"]
        inner = " ".join(f'{n}="{span(*SPEC[n])}"' for n in names)
        return f'<date_expression id="e{i}" operation="date_spec"><date_spec id="s{i}" {inner}/></date_expression>'
    if how == "gt":
        return f'<date_expression id="e{i}" operation="gt" start="{date()}"/>'
    if how == "lt":
        return f'<date_expression id="e{i}" operation="lt" end="{date()}"/>'
    if R.randrange(3) == 0:
        return (f'<date_expression id="e{i}" operation="in_range" start="{date()}"><duration id="d{i}" '
                f'{R.choice(["hours", "months", "weeks", "years"])}="{R.randrange(1, 20)}"/></date_expression>')
    return f'<date_expression id="e{i}" operation="in_range" start="{date()}" end="{date()}"/>'


def rule():
    """A document with one rule, and the arguments of crm_rule."""
    count = R.choice([1] * 8 + [0, 2])
    parts = "".join(date_expression(i) for i in range(count)) + '<expression id="x" attribute="a" operation="defined"/>'
    doc = (f'<cib validate-with="pacemaker-3.9" admin_epoch="0" epoch="1" num_updates="0"><configuration><crm_config/><nodes/><resources/><constraints>'
           f'<rsc_location id="l" rsc-pattern="x"><rule id="r" score="1">{parts}</rule></rsc_location></constraints></configuration><status/></cib>')
    return doc, ["--check", "--rule", R.choice(["r"] * 9 + ["q"]), "--date", date(), "--xml-text", doc]


BASE = ('<cib validate-with="pacemaker-3.9" admin_epoch="0" epoch="1" num_updates="0"><configuration><crm_config>'
        '<cluster_property_set id="cib-bootstrap-options"><nvpair id="o1" name="stonith-enabled" value="false"/></cluster_property_set></crm_config>'
        '<nodes><node id="1" uname="n1"/></nodes><resources><primitive id="A" class="ocf" provider="pacemaker" type="Dummy"><operations>'
        '<op id="A-m" name="monitor" interval="10s" timeout="20s"/></operations></primitive><group id="g"><primitive id="B" class="ocf" provider="pacemaker" '
        'type="Dummy"/></group><clone id="c"><primitive id="C" class="ocf" provider="pacemaker" type="Dummy"/></clone></resources><constraints>'
        '<rsc_location id="l1" rsc="A" node="n1" score="100"/><rsc_order id="ord" first="A" then="B"/><rsc_colocation id="col" rsc="B" with-rsc="A" score="INFINITY"/>'
        '</constraints></configuration><status/></cib>')
DEFECTS = [('id="B"', 'id="A"'), ('score="100"', 'score="much"'), ('rsc="A" node', 'rsc="Z" node'), ('first="A"', 'first="Z"'), ("<nodes>", "<nodes><bogus/>"),
           ('type="Dummy"/></group>', '/></group>'), ('name="monitor"', ""), ('value="false"', 'value="true"'), ('<constraints>', '<constraints><rsc_order id="o2" first="B" then="A"/>'),
           ('interval="10s"', 'interval="x"'), ('validate-with="pacemaker-3.9"', 'validate-with="pacemaker-9.9"'),
           ('epoch="1"', 'epoch="one"'), ('<group id="g">', '<group id="g"><group id="h"/>'), ('uname="n1"', ""), ('class="ocf" provider', 'class="lsb" provider'),
           ('with-rsc="A"', 'with-rsc="A" with-rsc-role="Sometimes"'), ('</operations>', '<op id="A-m2" name="monitor" interval="10s"/></operations>'),
           ('<status/>', '<status><node_state id="1"/></status>'), ("<crm_config>", "<crm_config><!-- -->"), ('id="c"', 'id="c c"'), ("pacemaker-3.9", "pacemaker-2.0"),
           ('timeout="20s"', 'timeout="20s" on-fail="explode"'), ('provider="pacemaker" ', "")]


def verify():
    doc = BASE
    for old, new in R.sample(DEFECTS, R.choice([0, 1, 1, 1, 2, 3])):
        doc = doc.replace(old, new, 1)
    return doc, R.choice([[], ["-V"], ["-VV"]]) + ["--xml-text", doc]


def run(program, args):
    p = subprocess.run(program + args, env=ENV, capture_output=True, timeout=300, stdin=subprocess.DEVNULL)
    return [p.returncode, p.stdout.decode(), p.stderr.decode()]


def main():
    if len(sys.argv) < 3:
        sys.exit(__doc__)
    seed, count = int(sys.argv[1]), int(sys.argv[2])
    totals = {}
    for k in range(seed, seed + count):
        R.seed(k)
        tool, make = R.choice([("crm_rule", rule), ("crm_verify", verify)])
        doc, args = make()
        # The later release warns of the option's former name.
        ours, theirs = run([OURS, tool], [a.replace("stonith-enabled", "fencing-enabled") for a in args]), run([tool], args)
        theirs[2] = theirs[2].replace(" but not moon=", "")
        if tool == "crm_verify":
            ours, theirs = ([code, bool(out), bool(err)] for code, out, err in (ours, theirs))
        total = totals.setdefault(tool, [0, 0])
        total[ours != theirs] += 1
        if ours != theirs:
            defects = [new for old, new in DEFECTS if new in doc and new not in BASE]
            print(f"seed {k}: {tool} {' '.join(args[:-1])} {doc if tool == 'crm_rule' else defects}\n  theirs {theirs}\n  ours   {ours}")
    for tool, (equal, other) in sorted(totals.items()):
        print(f"{tool}: {equal} equal, {other} different")


main()
