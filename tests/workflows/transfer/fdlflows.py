"""Flows in FDL that hypothesis makes, and what they come to by FDL's own rules."""

from typing import Any

from hypothesis import strategies as st

NAMES = ["A", "B", "C", "D", "E", "F", "G", "H"]


@st.composite
def flows(draw: Any) -> dict[str, Any]:
    """States that lead forward only, so that there is no circle; those that nothing leads to are taken out."""
    count = draw(st.integers(1, 8))
    states = []
    for index in range(count):
        later = NAMES[index + 1 : count]
        name = {"Name": NAMES[index]}
        link = {"Next": draw(st.sampled_from(later))} if later and draw(st.integers(0, 4)) else {"End": True}
        output = {"OutputConstructor": {"a.$": draw(st.sampled_from(["$Input.a", "$Input.b > 1", "$Output.a", "'x'"]))}}
        extra = output if draw(st.booleans()) else {}
        kind = draw(st.sampled_from(["Pass", "Wait", "Choice", "Choice", "Succeed", "Fail"]))
        if kind == "Choice" and later:
            ways = [{"Condition": f"$Input.a == {n}", "Next": draw(st.sampled_from(later))}
                    for n in range(draw(st.integers(1, 3)))]  # fmt: skip
            states.append({"Type": "Choice", **name, "Branches": ways, "Default": draw(st.sampled_from(later))})
        elif kind in ("Succeed", "Fail"):
            states.append({"Type": kind, **name})
        elif kind == "Wait":
            states.append({"Type": "Wait", **name, "Seconds": 2, **extra, **link})
        else:
            states.append({"Type": "Pass", **name, **extra, **link})
    reached, ways = set(), ["A"]
    by_name = {state["Name"]: state for state in states}
    while ways:
        state = by_name[ways.pop()]
        if state["Name"] not in reached:
            reached.add(state["Name"])
            ways += [way["Next"] for way in state.get("Branches", ())]
            ways += [state[name] for name in ("Next", "Default") if name in state]
    kept = [state for state in states if state["Name"] in reached]
    return {"Type": "StateMachine", "SpecVersion": "v1", "Name": "flow", "StartAt": "A", "States": kept}


def comes_to(flow: dict[str, Any], given: dict[str, Any]) -> dict[str, Any] | None:
    """The output of such a flow; None where it fails."""
    states = {state["Name"]: state for state in flow["States"]}
    value, name = given, flow["StartAt"]
    while True:
        state = states[name]
        if state["Type"] == "Fail":
            return None
        if state["Type"] == "Choice":
            met = [way["Next"] for way in state["Branches"] if f"$Input.a == {value.get('a')!r}" == way["Condition"]]
            name = [*met, state["Default"]][0]
            continue
        if "OutputConstructor" in state:
            asked = state["OutputConstructor"]["a.$"]
            known = {"$Input.b > 1": (value.get("b") or 0) > 1, "'x'": "x"}
            value = {"a": known[asked] if asked in known else value.get("a")}
        if state["Type"] == "Succeed" or state.get("End"):
            return value
        name = state["Next"]
