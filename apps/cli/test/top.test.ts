/** `holdfast top` without a terminal: keys, state, frames, and what is written of them. */
import { assert, describe, it } from "@effect/vitest"
import type { DaemonStatus, Event, ServerStatus } from "@holdfast/daemon/ControlContract"
import * as CliOutput from "effect/cli/CliOutput"
import * as Effect from "effect/Effect"
import * as TestClock from "effect/testing/TestClock"
import * as FrameChanges from "../src/top/FrameChanges.ts"
import * as Redraw from "../src/top/Redraw.ts"
import * as TopKey from "../src/top/TopKey.ts"
import * as TopState from "../src/top/TopState.ts"
import * as TopView from "../src/top/TopView.ts"

const by = { program: "claude", pid: 77, directory: "/home/me", wants: "fs" }

const server = (name: string, more: Partial<ServerStatus> = {}): ServerStatus => ({
  name,
  command: "node server.js",
  directory: "/home/me",
  key: name,
  likeness: name,
  era: "modern",
  sharing: "shared",
  state: "idle",
  leases: [],
  waiting: 0,
  pid: 1000,
  ...more
})

const status = (servers: ReadonlyArray<ServerStatus>, more: Partial<DaemonStatus> = {}): DaemonStatus => ({
  pid: 1,
  version: "1.2.3",
  directory: "/state",
  isLeaving: false,
  sessions: [],
  servers,
  failures: [],
  uptimeMillis: 3_600_000,
  ...more
})

const called = (more: Partial<Extract<Event, { readonly event: "called" }>> = {}): Event => ({
  event: "called",
  seq: 1,
  at: 0,
  server: "fs",
  tool: "read",
  by,
  delivery: "answered",
  millis: 12,
  ...more
})

const known = (servers: ReadonlyArray<ServerStatus>, more: Partial<DaemonStatus> = {}): TopState.TopState =>
  TopState.looked(TopState.initial, status(servers, more), [])

const size = { columns: 80, rows: 24 }
const frame = (state: TopState.TopState, more: Partial<TopView.ViewOptions> = {}) =>
  TopView.frame(state, { ...size, hasColor: false, ...more })

const type = (state: TopState.TopState, ...keys: ReadonlyArray<TopKey.TopKey | string>) =>
  keys.reduce<readonly [TopState.TopState, TopState.Wish | undefined]>(
    ([state], key) => {
      const one: TopKey.TopKey = typeof key === "string" && key.length === 1 ? { text: key } : key as TopKey.TopKey
      return TopState.press(state, one, 10)
    },
    [state, undefined]
  )

describe("keys", () => {
  it("are read one after another, and sequences without a meaning are left out", () => {
    assert.deepStrictEqual(TopKey.read("j\u001b[A\u001bOB\u001b[5~\u001b[200~é\r\u0007").keys, [
      { text: "j" },
      "up",
      "down",
      "page up",
      { text: "é" },
      "enter"
    ])
  })

  it("that come in pieces are one key, and Escape is one once nothing follows", () => {
    const first = TopKey.read("k\u001b")
    assert.deepStrictEqual(first, { keys: [{ text: "k" }], rest: "\u001b" })
    const second = TopKey.read(`${first.rest}[`)
    assert.deepStrictEqual(second, { keys: [], rest: "\u001b[" })
    assert.deepStrictEqual(TopKey.read(`${second.rest}Bq`), { keys: ["down", { text: "q" }], rest: "" })
    assert.deepStrictEqual(TopKey.last(first.rest), ["escape"])
    assert.deepStrictEqual(TopKey.read("\u001bx").keys, ["escape", { text: "x" }])
  })
})

describe("a frame", () => {
  it("shows servers with state, era, memory, users, in flight and waiting, the last calls, and failures with their why", () => {
    const state = TopState.happened(
      known([
        server("fs", { state: "in use", leases: [by], inFlight: 2, waiting: 3, memory: { rss: 5 * 1024 ** 2 } }),
        server("web", { state: "backing off", retryInMillis: 1500 })
      ], { failures: [{ server: "web", at: 0, message: "it exits at once" }] }),
      called()
    )
    const text = frame(state, { columns: 120 }).join("\n")
    assert.match(text, /daemon 1\.2\.3 \(1\), up 60 min/)
    assert.match(text, /fs +in use +2 +3 +5\.0 MB +modern +1000 +claude \(77\)/)
    assert.match(text, /web +backing off, 2 s/)
    assert.match(text, /answered +fs\.read  12 ms  by claude \(77\)/)
    assert.match(text, /web  it exits at once/)
    assert.match(text, /2 in flight, 3 waiting/)
  })

  it("tells outcomes apart, refusals included", () => {
    const events: ReadonlyArray<Event> = [
      called({ delivery: "NotSent" }),
      called({ delivery: "Unknown" }),
      called({ code: -32602 }),
      called({ isError: true }),
      { event: "refused", seq: 2, at: 0, reason: "TooBusy", message: "too many programs", by, server: "fs" }
    ]
    const text = frame(events.reduce(TopState.happened, known([server("fs")]))).join("\n")
    for (const word of ["not sent", "may have run", "error ", "tool error", "refused       fs too many programs"]) {
      assert.include(text, word)
    }
  })

  it("never has more lines than rows nor a line wider than the columns, whatever is said and however small it is", () => {
    const names = [
      "漢字サーバー漢字サーバー",
      "👩‍👩‍👧‍👦 family 🇩🇪",
      "e\u0301".repeat(50),
      "\u001b[31mred\u001b[0m",
      "x".repeat(300)
    ]
    const many = names.map((name, index) =>
      server(name, { leases: [{ ...by, program: name }], pid: index, inFlight: 99_999_999 })
    )
    const full = [...names.map((tool) => called({ tool, server: tool }))].reduce(
      TopState.happened,
      known(many, { failures: names.map((name) => ({ server: name, at: 0, message: name.repeat(10) })) })
    )
    const states = [
      full,
      type(full, "/", "x")[0],
      type(full, "c")[0],
      type(full, "?")[0],
      TopState.described(type(full, "enter")[0], names),
      TopState.initial,
      TopState.lost(full, "the daemon has ended".repeat(20))
    ]
    for (const state of states) {
      for (const columns of [1, 10, 40, 80]) {
        for (const rows of [1, 3, 8, 14, 30]) {
          for (const hasColor of [false, true]) {
            const lines = frame(state, { columns, rows, hasColor })
            assert.strictEqual(lines.length, rows)
            for (const line of lines) assert.isAtMost(CliOutput.displayWidth(line), columns, JSON.stringify(line))
          }
        }
      }
    }
  })

  // docker/docker-agent#2089: an emoji broke every line beside it.
  it("aligns its columns by what a name takes on the screen", () => {
    const lines = frame(known([server("👩‍👩‍👧‍👦"), server("漢字"), server("plain")]))
    const at = lines.filter((line) => line.includes("idle")).map((line) =>
      CliOutput.displayWidth(line.slice(0, line.indexOf("idle")))
    )
    assert.lengthOf(at, 3)
    assert.lengthOf(new Set(at), 1)
  })

  it("lets nothing of a server or a program reach the terminal but text", () => {
    const evil = "\u001b]0;owned\u0007\u001b[2J\u009b31m\r\n\u202eabc"
    const state = TopState.happened(
      known([server(evil, { leases: [{ ...by, program: evil }] })], {
        failures: [{ server: evil, at: 0, message: evil }]
      }),
      called({ tool: evil, server: evil })
    )
    const details = TopState.described(type(state, "enter")[0], TopView.linesOf(`a \u001b[1mbold\u001b[22m ${evil}`))
    const said = { ...state, note: { text: evil, isBad: true } }
    const waiting = TopState.lost(state, evil)
    for (const one of [state, details, said, waiting, type(state, "c")[0]]) {
      // Emphasis is ours, and all that begins with an escape.
      const pieces = frame(one, { hasColor: true }).join("").split("\u001b")
      for (const piece of pieces.slice(1)) assert.match(piece, /^\[\d+m/)
      assert.notMatch(pieces.join(""), /[\p{Cc}\u202e]/u)
    }
    assert.notMatch(TopView.plain(state, undefined, false).replaceAll("\n", ""), /\p{Cc}/u)
  })

  it("has no colours unless they are wanted, and marks what is chosen all the same", () => {
    const state = known([server("a"), server("b")])
    assert.notInclude(frame(state).join(""), "\u001b")
    assert.isTrue(frame(type(state, "down")[0]).some((line) => line.startsWith("> b")))
    assert.include(frame(state, { hasColor: true }).join(""), "\u001b[7m")
  })

  it("keeps name, state and the question that waits at 40 columns", () => {
    const lines = frame(type(known([server("files", { state: "quarantined", retryInMillis: 9000 })]), "c")[0], {
      columns: 40,
      rows: 10
    })
    assert.isTrue(lines.some((line) => /files +quarantined, 9 s/.test(line)))
    assert.match(lines.at(-1) ?? "", /^close files \(process 1000\)\? y /)
  })

  it("shows the rows around the chosen one, and which they are", () => {
    const servers = Array.from(
      { length: 500 },
      (_, index) => server(`s${String(index).padStart(3, "0")}`, { pid: index })
    )
    const [state] = type(known(servers), "end")
    const lines = frame(state, { rows: 12 })
    assert.isTrue(lines.some((line) => line.startsWith("> s499")))
    assert.isTrue(lines.some((line) => line.endsWith("of 500")))
  })

  it("of a file has every row and no cut line", () => {
    const servers = Array.from({ length: 100 }, (_, index) => server(`s${index}`.padEnd(30, "x"), { pid: index }))
    const text = TopView.plain(known(servers), undefined, false)
    assert.lengthOf(text.split("\n").filter((line) => line.includes("idle")), 100)
    assert.notInclude(text, "…")
  })
})

describe("a choice", () => {
  it("stays with its server when that has another process, and when the order changes", () => {
    const [state] = type(known([server("a", { pid: 1 }), server("b", { pid: 2 })]), "j")
    const next = TopState.looked(
      state,
      status([server("0", { pid: 9 }), server("a", { pid: 1 }), server("b", { pid: 3 })]),
      []
    )
    assert.deepStrictEqual(type(next, "r")[1], { _tag: "Operate", operation: "reset", target: { name: "b", pid: 3 } })
    assert.deepStrictEqual(type(next, "s", "s", "d")[1], {
      _tag: "Operate",
      operation: "drain",
      target: { name: "b", pid: 3 }
    })
  })

  it("never leaves the list, and there may be none", () => {
    const [state] = type(known([server("a"), server("b")]), "up", "page up", "j", "j", "page down")
    assert.deepStrictEqual(state.chosen?.name, "b")
    for (const key of ["up", "enter", "r", "d", "c", "G"]) assert.isUndefined(type(TopState.initial, key)[1], key)
  })

  it("closes a server only after a yes", () => {
    const state = known([server("a")])
    for (const no of ["n", "enter", "escape", "c", "Y"]) {
      const [after, wish] = type(state, "c", no)
      assert.isUndefined(wish)
      assert.strictEqual(after.mode._tag, "List")
    }
    assert.deepStrictEqual(type(state, "c", "y")[1], {
      _tag: "Operate",
      operation: "close",
      target: { name: "a", pid: 1000 }
    })
  })

  it("is of what passes the filter: by name, state, era, process and program", () => {
    const state = known([server("files"), server("web", { state: "in use", leases: [by], pid: 4711 })])
    for (const word of ["we", "IN USE", "4711", "claude"]) {
      const [filtered] = type(state, "/", ...word)
      assert.deepStrictEqual(TopState.rowsOf(filtered).map(({ name }) => name), ["web"], word)
    }
    const [typed] = type(state, "/", "q", "x", "backspace", "enter")
    assert.strictEqual(typed.filter, "q")
    assert.include(frame(typed).join("\n"), "no server matches q")
    assert.strictEqual(type(typed, "escape")[0].filter, "")
  })

  it("is sorted so that trouble, memory or load comes first", () => {
    const state = known([
      server("a"),
      server("b", { memory: { rss: 9 } }),
      server("c", { state: "quarantined" }),
      server("d", { inFlight: 1 })
    ])
    const first = (...keys: ReadonlyArray<string>) => TopState.rowsOf(type(state, ...keys)[0])[0]?.name
    assert.deepStrictEqual([first("x"), first("s"), first("s", "s"), first("s", "s", "s"), first("s", "s", "s", "s")], [
      "a",
      "c",
      "b",
      "d",
      "a"
    ])
  })

  it("has a server without a process, too, once the daemon knows of it", () => {
    const web = {
      name: "web",
      catalogue: "configured" as const,
      eras: [],
      processes: [],
      inFlight: 0,
      waiting: 2,
      sharingWouldSave: 0
    }
    assert.match(frame(known([], { overview: [web] })).join("\n"), /web +not started +- +2/)
    assert.lengthOf(TopState.rowsOf(known([server("a")], { overview: [web, web, { ...web, name: "a" }] })), 2)
  })

  it("scrolls in the details and comes back", () => {
    const lines = Array.from({ length: 50 }, (_, index) => `line ${index}`)
    const [asked, wish] = type(known([server("a")]), "enter")
    assert.deepStrictEqual(wish, { _tag: "Details", target: { name: "a", pid: 1000 } })
    const shown = TopState.described(asked, lines)
    const [end] = type(shown, "G", "j")
    assert.include(frame(end, { rows: 13 }).join("\n"), "line 49")
    assert.strictEqual(type(end, "q")[0].mode._tag, "List")
  })
})

describe("what is written", () => {
  it("is the lines that have changed, and nothing if none has", () => {
    const before = ["one", "two", "three"]
    assert.strictEqual(FrameChanges.between(before, [...before]), "")
    assert.strictEqual(FrameChanges.between(before, ["one", "2", "three"]), "\u001b[2;1H\u001b[2K2")
    assert.strictEqual(FrameChanges.between(before, ["one"]), "\u001b[2;1H\u001b[2K\u001b[3;1H\u001b[2K")
  })

  it("is everything where nothing is known of the screen", () => {
    assert.strictEqual(FrameChanges.between(undefined, ["a", ""]), "\u001b[H\u001b[2J\u001b[1;1H\u001b[2Ka")
  })

  it("of 500 servers of which one has changed is a line", () => {
    const servers = Array.from({ length: 500 }, (_, index) => server(`s${index}`, { pid: index, state: "leaving" }))
    const before = frame(known(servers))
    const after = frame(known(servers.with(0, server("s0", { pid: 0 }))))
    assert.isAtMost(FrameChanges.between(before, after).length, 4 * size.columns)
  })
})

describe("drawing", () => {
  const counted = Effect.gen(function*() {
    let drawn = 0
    const redraw = Redraw.make(Effect.sync(() => void drawn++), "200 millis")
    yield* Effect.forkScoped(redraw.run, { startImmediately: true })
    return { ...redraw, drawn: () => drawn }
  })

  it.effect("happens five times a second at most, however much is new, and not at all while nothing is", () =>
    Effect.gen(function*() {
      const { drawn, soon } = yield* counted
      yield* TestClock.adjust("1 minute")
      assert.strictEqual(drawn(), 1)
      for (let i = 0; i < 1000; i++) {
        soon()
        yield* TestClock.adjust("1 milli")
      }
      yield* TestClock.adjust("1 second")
      assert.isAtMost(drawn(), 1 + 6)
      assert.isAtLeast(drawn(), 1 + 5)
    }))

  it.effect("happens at once for a key, and what came with it is not drawn twice", () =>
    Effect.gen(function*() {
      const { drawn, now, soon } = yield* counted
      yield* TestClock.adjust("1 minute")
      soon()
      yield* TestClock.adjust(0)
      for (const so of [3, 4, 5]) {
        soon()
        now()
        yield* TestClock.adjust(0)
        assert.strictEqual(drawn(), so)
      }
      yield* TestClock.adjust("1 minute")
      assert.strictEqual(drawn(), 5)
    }))
})
