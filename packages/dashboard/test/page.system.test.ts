/** The page in Debian's Chromium, about a daemon that is made up: what it shows, and what it does not. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Scope from "effect/Scope"
import * as fs from "node:fs"
import { createRequire } from "node:module"
import * as path from "node:path"
import * as DashboardAccess from "../src/DashboardAccess.ts"
import type { CallRow, Snapshot } from "../src/DashboardContract.ts"
import * as DashboardListener from "../src/DashboardListener.ts"
import * as Chromium from "./support/Chromium.ts"
import * as MadeUp from "./support/madeUpSource.ts"

/** A page about this snapshot, opened by its address, which has the token. */
const opened = async (first: Snapshot) => {
  const madeUp = await MadeUp.make(first)
  const { access, token } = DashboardAccess.oneTime("start it again for a new one")
  const listen = async (port: number) => {
    const scope = await Effect.runPromise(Scope.make())
    const bound = await Effect.runPromise(
      Scope.provide(DashboardListener.listen({ port, access, source: madeUp.source }), scope)
    )
    return { port: bound, close: () => Effect.runPromise(Scope.close(scope, Exit.void)) }
  }
  let listener = await listen(0)
  const { port } = listener
  const page = await Chromium.start()
  const url = `http://127.0.0.1:${port}/#${token}`
  await page.size(1280, 900)
  await page.open(url)
  await page.until("document.querySelector('[role=table]')")
  return {
    ...madeUp,
    page,
    url,
    origin: `http://127.0.0.1:${port}`,
    end: () => listener.close(),
    again: async () => {
      listener = await listen(port)
    },
    async [Symbol.asyncDispose]() {
      await page[Symbol.asyncDispose]()
      await listener.close()
    }
  }
}

const axe = fs.readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8")

/** The rules that the page breaks, each with the first element that breaks it. */
const brokenRules = async (page: Chromium.Page): Promise<ReadonlyArray<string>> => {
  await page.value(`${axe};0`)
  return page.value(`axe.run(document, { resultTypes: ["violations"] }).then(({ violations }) =>
    violations.map(({ id, nodes }) => id + ": " + nodes[0].html + " " + nodes[0].failureSummary))`)
}

const text = (selector: string): string => `(document.querySelector(${JSON.stringify(selector)})?.innerText ?? "")`

const nodes = "document.querySelectorAll('*').length"

/** The same server, killed. */
const killed = (name: string) => (snapshot: Snapshot): Snapshot => ({
  ...snapshot,
  servers: (snapshot.servers ?? []).map((row) =>
    row.name === name ? { ...row, state: "backing off", mood: "bad", leases: [], pid: 1 } : row
  ),
  failures: [...(snapshot.failures ?? []), {
    seq: 9000,
    at: MadeUp.noon,
    subject: name,
    message: `process 2000: ${name} was killed by SIGKILL`
  }]
})

describe("the page", () => {
  it("shows that a server was killed, without a reload", async () => {
    await using world = await opened(MadeUp.made(4, 20))
    const { page } = world
    await page.value("window.isSame = true")
    assert.match(await page.value(text(".servers .body .row")), /files\s+● idle/)
    await world.change(killed("files"))
    await page.until(`${text(".servers .body .row")}.includes("backing off")`)
    await page.until(`${text(".failures .body .row")}.includes("killed by SIGKILL")`)
    assert.isTrue(await page.value("window.isSame"))
  })

  it("has as few nodes with 500 servers and 10 000 calls as with few, while calls come in", async () => {
    await using world = await opened(MadeUp.made(500, 10_000))
    const { page } = world
    await page.until("document.querySelectorAll('canvas').length === 3")
    // The most there were at the end of any frame.
    await page.value(`(window.most = 0, window.frames = 0, (function count() {
      window.most = Math.max(window.most, ${nodes}); window.frames++; requestAnimationFrame(count) })())`)
    let seq = 10_000
    const more = (count: number): ReadonlyArray<CallRow> =>
      Array.from({ length: count }, () => ({
        seq: ++seq,
        at: MadeUp.noon,
        name: "late",
        outcome: "answered",
        mood: "good",
        millis: 3
      }))
    for (let i = 0; i < 10; i++) {
      await world.change((snapshot) => ({
        ...snapshot,
        calls: [...(snapshot.calls ?? []), ...more(100)].slice(-10_000)
      }))
      await page.value(`document.querySelector(".calls .body").scrollTop = ${i * 3000}`)
      await page.value(`document.querySelector(".servers .body").scrollTop = ${i * 2000}`)
    }
    await page.until(`document.querySelector(".calls [role=row]") !== null && ${text("#calls small")} === "10000"`)
    await page.value("document.querySelector('.calls .body').scrollTop = 0")
    await page.until(`${text(".calls .body")}.includes("late")`)
    await page.until("window.frames > 5")
    assert.isBelow(await page.value<number>("window.most"), 2000)
    assert.strictEqual(await page.value("document.querySelector('.servers').ariaRowCount"), "501")
    assert.deepStrictEqual(page.complaints, [])
  })

  it("breaks no rule of axe in the light, in the dark and at 360 pixels, with everything open", async () => {
    await using world = await opened(MadeUp.made(12, 200))
    const { page } = world
    await page.until("document.querySelector('canvas')")
    await page.value("document.querySelector('[aria-label=\"Log of files (2000)\"]').click()")
    await page.value("document.querySelector('[aria-label=\"Why: files (2000)\"]').click()")
    await page.value("document.querySelectorAll('details').forEach((each) => { each.open = true })")
    await page.until(`${text(".why")}.includes("password is missing") && ${text(".log")}.includes("listening")`)
    const broken: Array<unknown> = []
    for (const [width, scheme] of [[1280, "light"], [1280, "dark"], [360, "light"], [360, "dark"]] as const) {
      await page.size(width, 800)
      await page.scheme(scheme)
      for (const rule of await brokenRules(page)) broken.push([width, scheme, rule])
      if (await page.value<boolean>(`document.documentElement.scrollWidth > ${width}`)) {
        broken.push([width, scheme, "is wider than the window"])
      }
    }
    assert.deepStrictEqual(broken, [])
    await page.value("document.querySelector('[aria-label^=\"Close files\"]').click()")
    await page.until("document.querySelector('dialog').open")
    assert.deepStrictEqual(await brokenRules(page), [])
  })

  it("is used without a mouse: every button has the focus in its turn, and does what it says", async () => {
    await using world = await opened(MadeUp.made(4, 3))
    const { actions, page } = world
    await page.until("document.querySelector('canvas')")
    const buttons = await page.value<number>("document.querySelectorAll('button:not(dialog button)').length")
    let isFirst = true
    await page.value("window.reached = new Set()")
    // A round through everything, back to where it began.
    for (let i = 0; i < 200; i++) {
      await page.press("Tab")
      const [name, isSkip, isSeen] = await page.value<[string | null, boolean, boolean]>(`(() => {
        const { activeElement: one } = document
        if (one === document.body) return [null, false, false]
        if (one.matches("button")) reached.add(one)
        return [one.tagName + " " + one.ariaLabel, one.matches(".skip"), one.matches(":focus-visible")]
      })()`)
      // After the last one the browser itself has the focus.
      if ((isSkip || name === null) && !isFirst) break
      if (isFirst) assert.isTrue(isSkip, String(name))
      else assert.isTrue(isSeen, String(name))
      isFirst = false
    }
    assert.strictEqual(await page.value("reached.size"), buttons)
    const press = async (label: string) => {
      await page.value(`document.querySelector(${JSON.stringify(`[aria-label="${label}"]`)}).focus()`)
      await page.press("Enter")
    }
    await press("Reset files (2000)")
    await page.until(`${text(".said")}.includes("reset: done")`)
    // What ends something is asked once more: the first choice leaves it as it is.
    await press("Close files (2000)")
    await page.until("document.querySelector('dialog').open")
    await page.press("Enter")
    await page.until("!document.querySelector('dialog').open")
    assert.strictEqual(await page.value("document.activeElement.ariaLabel"), "Close files (2000)")
    await page.press("Enter")
    await page.until("document.querySelector('dialog').open")
    await page.press("Tab")
    await page.press("Enter")
    await page.until(`${text(".said")}.includes("close: done")`)
    assert.deepStrictEqual(actions, [
      { action: "reset", of: "server", target: "2000|0|files" },
      { action: "close", of: "server", target: "2000|0|files" }
    ])
  })

  // desktop/desktop#15641, TanStack/virtual#158: the focus fell back to the body.
  it("keeps the focus where it is when rows come, go and move; when its row goes, the table has it", async () => {
    await using world = await opened(MadeUp.made(8, 3))
    const { page } = world
    const focused = "document.activeElement.ariaLabel"
    await page.value("document.querySelector('[aria-label=\"Log of search (2004)\"]').focus()")
    const order = (change: (rows: NonNullable<Snapshot["servers"]>) => NonNullable<Snapshot["servers"]>) =>
      world.change((snapshot) => ({ ...snapshot, servers: change(snapshot.servers ?? []) }))
    await order((rows) => rows.toReversed())
    await page.until(`${text(".servers .body .row")}.includes("shell")`)
    assert.strictEqual(await page.value(focused), "Log of search (2004)")
    await order((rows) => rows.filter(({ name }) => name !== "shell" && name !== "docs"))
    await page.until(`${text("#servers small")}.endsWith("of 6 up")`)
    assert.strictEqual(await page.value(focused), "Log of search (2004)")
    await order((rows) => rows.filter(({ name }) => name !== "search"))
    await page.until(`${text("#servers small")}.endsWith("of 5 up")`)
    await page.until(`${focused} === "Servers"`)
  })

  it("asks its own host only, breaks no policy, and its address lets in once", async () => {
    await using world = await opened(MadeUp.made(4, 20))
    const { origin, page, url } = world
    await page.until("document.querySelector('canvas')")
    assert.strictEqual(await page.value("location.href"), `${origin}/`)
    // A reload goes on with the session of the tab.
    await page.open(`${origin}/`)
    await page.until("document.querySelector('[role=table]')")
    assert.deepStrictEqual(page.asked.filter((each) => !each.startsWith(origin) && !/^(data|about):/.test(each)), [])
    assert.deepStrictEqual(page.complaints, [])
    await page.open(url)
    await page.until(`${text("header")}.includes("works only once; start it again for a new one")`)
    assert.strictEqual(await page.value("document.querySelectorAll('[role=row]').length"), 0)
  })

  it("shows what servers write as text, with marks that hide or turn text made visible", async () => {
    const name = "<img src=x onerror=alert(1)>\u202egnp.exe"
    await using world = await opened(MadeUp.made(2, 2))
    const { page } = world
    await world.change((snapshot) => ({
      ...snapshot,
      servers: (snapshot.servers ?? []).map((row, index) => index === 0 ? { ...row, name } : row)
    }))
    await page.until(`${text(".servers .body .row")}.includes("<img src=x onerror=alert(1)>⟨U+202E⟩gnp.exe")`)
    await page.value("document.querySelector('[aria-label^=\"Log of <img\"]').click()")
    await page.until(`${text(".log")}.includes("⟨U+001B⟩[31mred⟨U+001B⟩[0m ⟨U+202E⟩txt.exe <b>no markup</b>")`)
    assert.strictEqual(await page.value("document.querySelectorAll('#main img, #main b').length"), 0)
    assert.isFalse(await page.value("document.body.textContent.includes('\\u202e')"))
    assert.strictEqual(
      await page.value("document.querySelectorAll('[title*=\"\\u202e\"], [aria-label*=\"\\u202e\"]').length"),
      0
    )
    assert.deepStrictEqual(page.complaints, [])
  })

  // esengine/DeepSeek-Reasonix#532, commontoolsinc/labs#5390, boldsoftware/shelley#2: pages that stayed as they were until they were loaded again.
  it("says that holdfast dashboard is gone, and goes on when it is there again", async () => {
    await using world = await opened(MadeUp.made(4, 20))
    const { page } = world
    await world.end()
    await page.until(`${text("header")}.includes("does not answer")`)
    assert.match(await page.value(text("header")), /disconnected/)
    assert.match(await page.value(text(".servers")), /files/)
    await world.again()
    await page.until(`${text("header")}.includes("live") && !${text("header")}.includes("does not answer")`)
    await world.change(killed("files"))
    await page.until(`${text(".servers .body .row")}.includes("backing off")`)
  })

  // rancher/dashboard#7156, Dokploy/dokploy#1815: tabs that a busy log has filled.
  it("follows a log of 100 000 lines, of which it keeps the last and draws those that are seen", async () => {
    await using world = await opened(MadeUp.made(6, 2))
    const { page } = world
    await page.value(`document.querySelector('[aria-label="Log of search (2004)"]').click()`)
    await page.until(`${text(".log")}.includes("line 100000")`)
    assert.strictEqual(await page.value("document.querySelector('.log').ariaRowCount"), "5001")
    assert.isBelow(await page.value<number>(nodes), 2000)
  })

  it("says of empty lists what to do next", async () => {
    await using world = await opened({ ...MadeUp.made(0, 0), refused: [], failures: [], waiting: [], samples: [] })
    const { page } = world
    const said = await page.value<string>("document.querySelector('main').innerText")
    for (
      const words of ["No server runs. The next call starts one: holdfast call", "No call yet.", "Nothing was refused."]
    ) {
      assert.include(said, words)
    }
    assert.deepStrictEqual(await brokenRules(page), [])
  })

  it("looks as the README shows it", async () => {
    const file = path.resolve(import.meta.dirname, "../../../docs/images/dashboard.png")
    await using world = await opened(MadeUp.made(40, 2000))
    const { page } = world
    await page.size(1180, 860)
    await page.until("document.querySelectorAll('canvas').length === 3")
    const picture = await page.picture()
    assert.isBelow(picture.length, 200_000)
    assert.isAbove(picture.length, 20_000)
    if (!fs.existsSync(file) || (process.env["HOLDFAST_PICTURE"] ?? "") !== "") {
      fs.mkdirSync(path.dirname(file), { recursive: true })
      fs.writeFileSync(file, picture)
    }
    assert.isBelow(fs.statSync(file).size, 200_000)
  })
})
