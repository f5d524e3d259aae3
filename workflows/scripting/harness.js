// Evaluated before the script, in the same realm. Whatever the script does to built-in objects, what is read here
// afterwards was taken before, and answers are texts put together from primitive ones.
(() => {
  "use strict";
  const { parse, stringify } = JSON;
  const { defineProperty } = Object;
  const { apply } = Reflect;
  const { slice } = String.prototype;
  const Text = String;
  const AnyError = Error;
  const AsyncFunction = (async () => {}).constructor;
  const MOST_LINES = 1000, LONGEST_LINE = 10000, LONGEST_LOG = 200000;

  let log = "", lines = 0, dropped = 0;
  let outcome = '{"kind":"pending"}', text = "";

  const shown = (value) => {
    try {
      if (typeof value === "string") return value;
      if (typeof value === "object" && value !== null && value instanceof AnyError) return Text(value.stack || value);
      return stringify(value) || Text(value);
    } catch {
      try { return Text(value); } catch { return typeof value; }
    }
  };

  const keep = (level, values) => {
    if (lines >= MOST_LINES || log.length >= LONGEST_LOG) { dropped += 1; return; }
    let line = "";
    for (let index = 0; index < values.length && line.length < LONGEST_LINE; index += 1) {
      const part = shown(values[index]);
      line += index ? " " + part : part;
    }
    if (line.length > LONGEST_LINE) line = apply(slice, line, [0, LONGEST_LINE]) + "...";
    lines += 1;
    log += (log ? "," : "") + '["' + level + '",' + stringify(line) + "]";
  };

  const failed = (kind, said, stack) => {
    outcome = '{"kind":"' + kind + '","text":' + stringify(apply(slice, said, [0, LONGEST_LINE])) +
      ',"stack":' + stringify(apply(slice, stack, [0, LONGEST_LINE])) + "}";
  };

  const threw = (error) => {
    let said = "", stack = "";
    try {
      const known = typeof error === "object" && error !== null && error instanceof AnyError;
      said = known ? Text(error) : shown(error);
      if (known) stack = Text(error.stack);
    } catch {
      said = said || typeof error;
    }
    failed("thrown", said, stack);
  };

  const run = async (body, most) => {
    let value;
    try {
      value = await body();
    } catch (error) {
      threw(error);
      return;
    }
    try {
      const made = value === undefined ? "null" : stringify(value);
      if (typeof made !== "string") failed("json", typeof value, "");
      else if (made.length > most) outcome = '{"kind":"size","length":' + made.length + "}";
      else { text = made; outcome = '{"kind":"result"}'; }
    } catch (error) {
      failed("json", shown(error instanceof AnyError ? error.message : error), "");
    }
  };

  const take = (given) => {
    const values = parse(given);
    for (let index = 0; index < values.length; index += 1) {
      defineProperty(globalThis, values[index][0], {
        value: values[index][1], writable: true, enumerable: true, configurable: true,
      });
    }
  };

  // A syntax that is none of a function's body is told without running anything.
  const check = (code) => {
    try { new AsyncFunction(code); return ""; } catch (error) { return Text(error); }
  };

  const levels = { log: "INFO", info: "INFO", warn: "WARN", error: "ERROR", debug: "DEBUG" };
  const console = {};
  for (const name in levels) {
    const level = levels[name];
    console[name] = (...values) => { keep(level, values); };
  }
  defineProperty(globalThis, "console", { value: console, writable: true, enumerable: false, configurable: true });

  // What could wait for a time, share memory or compile machine code.
  for (const name of ["Atomics", "SharedArrayBuffer", "WebAssembly"]) delete globalThis[name];
  const noTimer = () => { throw new AnyError("There are no timers in a script; a delay node waits."); };
  for (const name of ["setTimeout", "setInterval", "setImmediate"]) globalThis[name] = noTimer;
  for (const name of ["clearTimeout", "__timer_manager"]) globalThis[name] = undefined;

  return (what, first, second) => {
    switch (what) {
      case "take": take(first); return "";
      case "check": return check(first);
      case "run": run(first, second); return "";
      case "outcome": return outcome;
      case "text": return text;
      default: return '{"dropped":' + dropped + ',"lines":[' + log + "]}";
    }
  };
})()
//# sourceURL=harness
