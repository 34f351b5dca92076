/** The page of the scan server's admin port in Debian's Chromium: scans with their steps, sessions, refusals, live. */
import { assert, describe, it } from "@effect/vitest"
import { type ChildProcess, spawn } from "node:child_process"
import { once } from "node:events"
import * as fs from "node:fs"
import { createRequire } from "node:module"
import * as os from "node:os"
import * as path from "node:path"
import * as Chromium from "./support/Chromium.ts"

const program = path.resolve(import.meta.dirname, "../../../apps/scan-server/src/main.ts")

/** So many files that a scan of them outlives whatever a test does with it: names of one file, which costs no room. */
const plant = (folder: string): void => {
  const first = path.join(folder, "file0.ts")
  fs.writeFileSync(first, "const value = compute(index, other) // nothing to be found here\n".repeat(2000))
  for (let i = 1; i < 20_000; i++) fs.linkSync(first, path.join(folder, `file${i}.ts`))
}

/** The real server, on free ports, with one thread. */
const started = async () => {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), "holdfast-operators-"))
  const root = path.join(folder, "root")
  fs.mkdirSync(root)
  plant(root)
  const child = spawn(process.execPath, [
    program,
    "--root",
    root,
    "--port",
    "0",
    "--admin",
    "0",
    "--sse",
    "--threads",
    "1",
    "--database",
    path.join(folder, "scans.db")
  ], { cwd: folder, stdio: ["ignore", "pipe", "pipe"] })
  const said = (pattern: RegExp) => wait(child, pattern)
  const [mcp, dashboard] = await Promise.all([
    said(/http:\/\/127\.0\.0\.1:\d+\/mcp/),
    said(/http:\/\/127\.0\.0\.1:\d+\/dashboard\//)
  ])
  const page = await Chromium.start()
  await page.size(1280, 900)
  await page.open(dashboard)
  await page.until("document.querySelector('#jobs')")
  return {
    mcp,
    page,
    dashboard,
    scan: () => scan(mcp),
    async [Symbol.asyncDispose]() {
      await page[Symbol.asyncDispose]()
      if (child.exitCode === null) {
        child.kill("SIGTERM")
        await once(child, "close")
      }
      fs.rmSync(folder, { recursive: true, force: true })
    }
  }
}

/** What a process says of this form. */
const wait = (child: ChildProcess, pattern: RegExp): Promise<string> =>
  new Promise((resolve, reject) => {
    let text = ""
    for (const stream of [child.stdout, child.stderr]) {
      stream?.setEncoding("utf8").on("data", (more: string) => {
        text += more
        const found = pattern.exec(text)?.[0]
        if (found !== undefined) resolve(found)
      })
    }
    child.once("close", () => reject(new Error(`it has ended: ${text}`)))
  })

/** Begins a scan of the root, and tells its id. */
const scan = async (mcp: string): Promise<string> => {
  const answer = await fetch(mcp, {
    method: "POST",
    headers: {
      "content-type": "application/json",
      accept: "application/json, text/event-stream",
      "mcp-protocol-version": "2026-07-28",
      "mcp-method": "tools/call",
      "mcp-name": "run_scan"
    },
    body: JSON.stringify({
      jsonrpc: "2.0",
      id: 1,
      method: "tools/call",
      params: {
        name: "run_scan",
        arguments: { path: "." },
        _meta: {
          "io.modelcontextprotocol/protocolVersion": "2026-07-28",
          "io.modelcontextprotocol/clientInfo": { name: "test", version: "1" },
          "io.modelcontextprotocol/clientCapabilities": {}
        }
      }
    })
  })
  const { result }: { readonly result: { readonly structuredContent: { readonly id: string } } } = JSON.parse(
    await answer.text()
  )
  return result.structuredContent.id
}

const text = (selector: string): string => `(document.querySelector(${JSON.stringify(selector)})?.innerText ?? "")`
const labelled = (start: string): string => `document.querySelector(${JSON.stringify(`[aria-label^="${start}"]`)})`
const job = (id: string): string =>
  `[...document.querySelectorAll(".jobs .body [role=row]")].find((row) => row.innerText.includes(${
    JSON.stringify(id)
  }))`

const axe = fs.readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8")

/** Asked by its button, and confirmed with the keyboard alone. */
const press = async (page: Chromium.Page, label: string): Promise<string> => {
  await page.until(labelled(label))
  await page.value(`${labelled(label)}.focus()`)
  await page.press("Enter")
  await page.until("document.querySelector('dialog').open")
  const asked = await page.value<string>("document.querySelector('dialog').innerText")
  await page.press("Tab")
  await page.press("Enter")
  await page.until("!document.querySelector('dialog').open")
  return asked
}

describe("the page of the scan server", () => {
  it("shows the steps and the progress of a scan that runs, cancels it, and runs it again", async () => {
    await using world = await started()
    const { page } = world
    await page.value("window.isSame = true")
    const id = await world.scan()
    await page.until(`${job(id)}?.innerText.includes("running")`)
    await page.until(`${job(id)}?.innerText.includes("plan: done")`)
    await page.until(`/[1-9]\\d* of 100/.test(${job(id)}?.innerText)`)
    const before = await page.value<string>(`${job(id)}.innerText`)
    await page.until(`${job(id)}.innerText !== ${JSON.stringify(before)}`)
    assert.include(await press(page, `Cancel scan ${id}`), "the job ends")
    await page.until(`${job(id)}.innerText.includes("cancelled")`)
    const asked = await press(page, `Run again scan ${id}`)
    assert.match(asked, /new job of the same kind.*same input.*same principal/s)
    await page.until(`${text(".said")}.includes("as the new job")`)
    const next = /as the new job (\S+)/.exec(await page.value<string>(text(".said")))?.[1] ?? ""
    assert.notStrictEqual(next, id)
    await page.until(`${job(next)}?.innerText.includes("running")`)
    assert.isTrue(await page.value(`${job(id)}.innerText.includes("cancelled")`))
    assert.isTrue(await page.value("window.isSame"))
    assert.deepStrictEqual(page.complaints, [])
  })

  it("ends a session, which vanishes, its stream too, and shows what was refused", async () => {
    await using world = await started()
    const { page } = world
    const stream = await fetch(new URL("/sse", world.mcp), { headers: { accept: "text/event-stream" } })
    await page.until(`${text(".sessions .body")}.includes("HTTP+SSE")`)
    await page.until(`${text(".streams .body")}.includes("HTTP+SSE")`)
    const refused = await fetch(world.mcp, { method: "POST", headers: { "content-type": "text/plain" }, body: "x" })
    assert.strictEqual(refused.status, 415)
    await page.until(`${text(".refused .body")}.includes("not JSON")`)
    await press(page, "Close session")
    await page.until(`${text("#sessions small")} === "0"`)
    await page.until(`${text("#streams small")} === "0"`)
    // Its end is the client's to see as well.
    await stream.text()
  })

  it("breaks no rule of axe in the light, in the dark and at 360 pixels", async () => {
    await using world = await started()
    const { page } = world
    const stream = await fetch(new URL("/sse", world.mcp), { headers: { accept: "text/event-stream" } })
    const id = await world.scan()
    await page.until(`${job(id)}?.innerText.includes("plan: done")`)
    await page.value(`${axe};0`)
    for (const [width, scheme] of [[1280, "light"], [1280, "dark"], [360, "light"], [360, "dark"]] as const) {
      await page.size(width, 800)
      await page.scheme(scheme)
      const broken = await page.value(`axe.run(document, { resultTypes: ["violations"] }).then(({ violations }) =>
        violations.map(({ id, nodes }) => id + ": " + nodes[0].html + " " + nodes[0].failureSummary))`)
      assert.deepStrictEqual([width, scheme, broken], [width, scheme, []])
      assert.isAtMost(await page.value<number>("document.documentElement.scrollWidth"), width)
    }
    await stream.body?.cancel()
  })
})
