/** The site as its readers have it: made from the Markdown of this repository, and read in Debian's Chromium. */
import { afterAll, assert, beforeAll, describe, it } from "@effect/vitest"
import { execFile } from "node:child_process"
import * as Fs from "node:fs"
import * as Http from "node:http"
import { createRequire } from "node:module"
import type { AddressInfo } from "node:net"
import * as Os from "node:os"
import * as Path from "node:path"
import { promisify } from "node:util"
import { type Tab, withTab } from "./Browser.ts"

const root = Path.resolve(import.meta.dirname, "../..")
const folder = Fs.mkdtempSync(Path.join(Os.tmpdir(), "hf-test-site-"))
const site = Path.join(folder, "site")

const types: Readonly<Record<string, string>> = {
  ".css": "text/css",
  ".html": "text/html",
  ".js": "text/javascript",
  ".md": "text/markdown",
  ".svg": "image/svg+xml",
  ".txt": "text/plain"
}

const server = Http.createServer((request, response) => {
  const path = decodeURIComponent(new URL(request.url ?? "/", "http://localhost").pathname)
  const file = Path.join(site, path.endsWith("/") ? `${path}index.html` : path)
  if (!Fs.existsSync(file)) return void response.writeHead(404).end()
  response.writeHead(200, { "content-type": types[Path.extname(file)] ?? "application/octet-stream" })
  response.end(Fs.readFileSync(file))
})

let origin = ""
let said = ""

beforeAll(async () => {
  const make = Path.join(root, "scripts/site/make.ts")
  said = (await promisify(execFile)(process.execPath, [make, site], { cwd: root })).stdout
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve))
  // It listens on a port.
  origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
})

afterAll(() => {
  server.close()
  server.closeAllConnections()
  Fs.rmSync(folder, { recursive: true })
})

/** An expression that is awaited: the first element of a selector for which the condition holds. */
const found = (selector: string, condition = "true"): string =>
  `new Promise((resolve) => {
    const look = () => {
      const element = [...document.querySelectorAll(${JSON.stringify(selector)})].find((element) => ${condition})
      if (element === undefined) setTimeout(look, 20)
      else resolve(element)
    }
    look()
  })`

const axe = Fs.readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8")

/** What axe finds, a line each: the rule, and the element. */
const findings = async (tab: Tab): Promise<unknown> => {
  await tab.evaluate(axe)
  return tab.evaluate(`axe.run(document, { resultTypes: ["violations"] }).then(({ violations }) =>
    violations.flatMap(({ id, nodes }) => nodes.map(({ html }) => id + " " + html.slice(0, 200))))`)
}

/** One page for each kind of reader, and one of each kind of page. */
const pages = {
  "index.html": "Holdfast",
  "docs/start/index.html": "Start",
  "docs/guides/effect-app.html": "An Effect application",
  "docs/guides/plain-typescript.html": "An agent in plain TypeScript",
  "docs/guides/server-author.html": "A server that stays up",
  "docs/guides/shell.html": "Tools at a shell",
  "docs/guides/operator.html": "Operating it",
  "docs/guides/ansible-and-python.html": "From Ansible and Python",
  "docs/architecture.html": "Architecture",
  "docs/faq.html": "Questions",
  "docs/security.html": "Security",
  "docs/errors/OutcomeUnknown.html": "OutcomeUnknown",
  "packages/mcp/index.html": "@holdfast/mcp"
}

describe("the site", () => {
  it("is made without a dead link, the API reference of every package and its anchors included", () => {
    const [, count = "", links = ""] = /^(\d+) pages in .*, (\d+) links, 0 dead$/m.exec(said) ?? []
    assert.isAbove(Number(count), 1000, said)
    assert.isAbove(Number(links), 10_000, said)
    for (const name of ["core", "protocol", "process", "mcp", "server", "jobs", "daemon"]) {
      assert.include(Fs.readFileSync(Path.join(site, "api/modules.html"), "utf8"), `${name}/src`, name)
    }
  })

  it("is there for language models: a list of pages, all of it in one file, and each page as its Markdown", () => {
    const list = Fs.readFileSync(Path.join(site, "llms.txt"), "utf8")
    assert.match(list, /^# Holdfast\n\n> .+/)
    const listed = [...list.matchAll(/^- \[.+\]\((.+)\): \S/gm)].map(([, file = ""]) => file)
    assert.includeMembers(listed, ["index.md", "docs/start/shell.md", "docs/errors/OutcomeUnknown.md"])
    assert.deepStrictEqual(listed.filter((file) => !Fs.existsSync(Path.join(site, file))), [])
    assert.strictEqual(
      Fs.readFileSync(Path.join(site, "docs/start/shell.md"), "utf8"),
      Fs.readFileSync(Path.join(root, "docs/start/shell.md"), "utf8")
    )
    assert.include(Fs.readFileSync(Path.join(site, "llms-full.txt"), "utf8"), "# Start: a shell")
  })

  it("shows its pages, light and dark, to readers with any sight, and asks no other machine for anything", () =>
    withTab(async (tab) => {
      for (const [page, title] of Object.entries(pages)) {
        for (const scheme of ["light", "dark"] as const) {
          await tab.screen(1280, scheme)
          await tab.open(`${origin}/${page}`)
          await tab.evaluate(
            `${found("h1", "element.checkVisibility()")}.then(() => document.fonts.ready).then(() => true)`
          )
          assert.include(await tab.evaluate(`document.querySelector("h1").textContent`), title)
          const isDark = await tab.evaluate(`document.documentElement.classList.contains("dark")`)
          assert.strictEqual(isDark, scheme === "dark", page)
          assert.deepStrictEqual(await findings(tab), [], `${page}, ${scheme}`)
        }
      }
      assert.deepStrictEqual(tab.requests.filter((url) => !url.startsWith(origin) && !url.startsWith("data:")), [])
    }))

  it("fits a screen of 360 pixels: nothing scrolls sideways but tables, code and diagrams by themselves", () =>
    withTab(async (tab) => {
      await tab.screen(360, "light")
      for (const page of Object.keys(pages)) {
        await tab.open(`${origin}/${page}`)
        await tab.evaluate(`${found("h1")}.then(() => document.fonts.ready).then(() => true)`)
        assert.isAtMost(Number(await tab.evaluate("document.documentElement.scrollWidth")), 360, page)
      }
    }))

  it("finds the page of an error by its name, and leads to it", () =>
    withTab(async (tab) => {
      await tab.screen(1280, "light")
      await tab.open(`${origin}/index.html`)
      await tab.evaluate(`${found("#local-search button")}.then((button) => button.click())`)
      await tab.evaluate(`${found("#localsearch-input")}.then((input) => {
        input.value = "OutcomeUnknown"
        input.dispatchEvent(new Event("input", { bubbles: true }))
      })`)
      const first = await tab.evaluate(
        `${found("#localsearch-list a", `element.textContent.includes("OutcomeUnknown")`)}
        .then(() => document.querySelector("#localsearch-list a").getAttribute("href"))`
      )
      assert.match(String(first), /^\/docs\/errors\/OutcomeUnknown\.html/)
      await tab.evaluate(`document.querySelector("#localsearch-list a").click()`)
      const title = await tab.evaluate(
        `${found("h1", `element.textContent.includes("OutcomeUnknown")`)}.then((h1) => h1.firstChild.textContent)`
      )
      assert.include(String(title), "OutcomeUnknown")
    }))

  it("gives each page's Markdown from the page itself", () =>
    withTab(async (tab) => {
      await tab.open(`${origin}/docs/start/index.html`)
      const href = await tab.evaluate(`${found(".page-source a")}.then((link) => link.getAttribute("href"))`)
      assert.strictEqual(
        await (await fetch(`${origin}${href}`)).text(),
        Fs.readFileSync(Path.join(root, "docs/start/README.md"), "utf8")
      )
    }))
})
