/** The files in which catalogues are. */
import { afterAll, assert, beforeEach, describe, it } from "@effect/vitest"
import { createHash } from "node:crypto"
import * as fs from "node:fs"
import * as os from "node:os"
import * as path from "node:path"
import * as CatalogueFiles from "../src/CatalogueFiles.ts"

const root = fs.mkdtempSync(path.join(os.tmpdir(), "hfc-"))
afterAll(() => fs.rmSync(root, { recursive: true, force: true }))

let home = ""
beforeEach(() => {
  home = fs.mkdtempSync(path.join(root, "home-"))
})

const entry = (name = "s") => JSON.stringify({ format: 1, name, lists: {} })

const directory = (): string => path.join(home, "state", "holdfast", "catalogue")

interface Wish {
  readonly command?: string
  readonly args?: ReadonlyArray<string>
  readonly env?: Readonly<Record<string, string>>
  readonly extra?: Readonly<Record<string, string>>
}

const options = ({ args = [], command = "/bin/sh", env, extra }: Wish = {}) => ({
  wants: { endpoint: { command, args, cwd: home, env, inheritEnv: true } },
  environment: { XDG_STATE_HOME: path.join(home, "state"), PATH: "/bin:/usr/bin", HOME: home, ...extra },
  directory: home
})

const open = (wish: Wish = {}, faults: Array<string> = []) =>
  CatalogueFiles.open({ ...options(wish), onFault: (message) => void faults.push(message) })

/** Whether two descriptions are the same server. */
const isSame = (a: Wish, b: Wish, between: () => void = () => {}): boolean => {
  open(a)?.write("w", entry())
  between()
  return open(b)?.read("w") !== undefined
}

describe("the files of catalogues", () => {
  it("are for their user alone, whatever the umask, and hold no argument and no value of an environment", () => {
    const umask = process.umask(0)
    try {
      open({ args: ["--key", "sk-argument"], env: { TOKEN: "sk-stated" }, extra: { KEY: "sk-inherited" } })?.write(
        "w",
        entry()
      )
    } finally {
      process.umask(umask)
    }
    const modes = [directory(), ...fs.readdirSync(directory()).map((name) => path.join(directory(), name))]
      .map((file) => (fs.statSync(file).mode & 0o777).toString(8))
    assert.deepStrictEqual(modes, ["700", "600", "600"])
    for (const name of fs.readdirSync(directory())) {
      const said = name + fs.readFileSync(path.join(directory(), name), "utf8")
      assert.notMatch(said, /sk-|TOKEN|KEY/)
    }
  })

  it("are another user's of what another secret names", () => {
    open()?.write("w", entry())
    fs.writeFileSync(path.join(directory(), "secret"), "0".repeat(64))
    assert.isUndefined(open()?.read("w"))
  })

  it("tell servers apart by arguments, environment, words and the files that they are, and not by windows and sessions", () => {
    assert.isTrue(isSame({}, {}))
    assert.isFalse(isSame({}, { args: ["x"] }))
    assert.isFalse(isSame({ extra: { KEY: "a" } }, { extra: { KEY: "b" } }))
    assert.isFalse(isSame({}, { env: { KEY: "b" } }))
    assert.isTrue(isSame({ extra: { TERM: "a", SHLVL: "1" } }, { extra: { TERM: "b", TMUX: "x" } }))
    assert.isUndefined(open()?.read("other words"))
    const script = path.join(home, "server.js")
    fs.writeFileSync(script, "1")
    const node = { command: "node", args: ["--flag", "server.js"] }
    assert.isTrue(isSame(node, node))
    assert.isFalse(isSame(node, node, () => fs.writeFileSync(script, "22")))
    const tool = path.join(home, "tool")
    fs.writeFileSync(tool, "1", { mode: 0o755 })
    const own = { command: "./tool", args: ["data"] }
    fs.writeFileSync(path.join(home, "data"), "1")
    // What a program works on is not the program.
    assert.isTrue(isSame(own, own, () => fs.writeFileSync(path.join(home, "data"), "22")))
    assert.isFalse(isSame(own, own, () => fs.writeFileSync(tool, "22")))
  })

  it("tell versions of packages apart: above a script, behind a link on the path, and of npx", () => {
    const installed = path.join(home, "node_modules", "@scope", "server")
    fs.mkdirSync(path.join(installed, "dist"), { recursive: true })
    const version = (version: string, folder = installed) =>
      fs.writeFileSync(path.join(folder, "package.json"), JSON.stringify({ name: "@scope/server", version }))
    version("1.0.0")
    const script = path.join(installed, "dist", "main.js")
    fs.writeFileSync(script, "", { mode: 0o755 })
    // A marker is no package.
    fs.writeFileSync(path.join(installed, "dist", "package.json"), `{"type":"module"}`)
    fs.mkdirSync(path.join(home, "bin"))
    fs.symlinkSync(script, path.join(home, "bin", "server"))
    const cached = path.join(home, ".npm", "_npx", createHash("sha512").update("other@1").digest("hex").slice(0, 16))
    const other = path.join(cached, "node_modules", "other")
    fs.mkdirSync(other, { recursive: true })
    version("1.0.0", other)
    const wishes: ReadonlyArray<readonly [Wish, string]> = [
      [{ command: "node", args: [script] }, installed],
      [{ command: "server", extra: { PATH: path.join(home, "bin") } }, installed],
      [{ command: "npx", args: ["-y", "@scope/server@latest", "x"] }, installed],
      [{ command: "npx", args: ["--yes", "-p", "@scope/server", "server"] }, installed],
      [{ command: "npx", args: ["-y", "other@1"] }, other]
    ]
    for (const [index, [wish, folder]] of wishes.entries()) {
      assert.isTrue(isSame(wish, wish), String(index))
      assert.isFalse(isSame(wish, wish, () => version(`2.0.${index}`, folder)), String(index))
    }
  })

  it("tell a server of a config apart by the config and the variables that it names", () => {
    const config = path.join(home, "mcp.json")
    fs.writeFileSync(config, `{"mcpServers":{"s":{"command":"x","env":{"T":"\${KEY}"}}}}`)
    const read = (extra: Readonly<Record<string, string>>) =>
      CatalogueFiles.open({ ...options({ extra }), wants: { server: "s", config } })
    read({ KEY: "a", OTHER: "a" })?.write("w", entry())
    assert.isDefined(read({ KEY: "a", OTHER: "b" })?.read("w"))
    assert.isUndefined(read({ KEY: "b" })?.read("w"))
    fs.appendFileSync(config, "\n")
    assert.isUndefined(read({ KEY: "a" })?.read("w"))
  })

  it("are 256 at most, the newest or last confirmed ones, and none is larger than 4 MiB", () => {
    const first = open({ args: ["first"] })
    first?.write("w", entry("first"))
    for (let i = 0; i < 255; i++) fs.writeFileSync(path.join(directory(), `${i}.json`), "")
    const old = new Date(Date.now() - 1_000_000)
    for (const name of fs.readdirSync(directory())) fs.utimesSync(path.join(directory(), name), old, old)
    first?.confirm("w")
    for (let i = 0; i < 10; i++) open({ args: [`${i}`] })?.write("w", entry(`${i}`))
    assert.lengthOf(fs.readdirSync(directory()).filter((name) => name.endsWith(".json")), 256)
    assert.isDefined(first?.read("w"))
    assert.isDefined(open({ args: ["9"] })?.read("w"))
    first?.write("w", " ".repeat(4 * 1024 * 1024 + 1))
    assert.isUndefined(first?.read("w"))
  })

  it("cost nothing where they cannot be: a folder that others may enter, one that is a file, a damaged secret", () => {
    fs.mkdirSync(path.join(home, "state", "holdfast"), { recursive: true, mode: 0o755 })
    const faults: Array<string> = []
    assert.isUndefined(open({}, faults))
    assert.match(faults.join(), /^\S*holdfast may be entered by other users/)
    fs.chmodSync(path.join(home, "state", "holdfast"), 0o700)
    open()?.write("w", entry())
    fs.writeFileSync(path.join(directory(), "secret"), "short")
    assert.isUndefined(open({}, faults))
    assert.match(faults.at(-1) ?? "", /secret is damaged; remove it/)
    fs.rmSync(directory(), { recursive: true })
    fs.writeFileSync(directory(), "")
    assert.isUndefined(open({}, faults))
    assert.match(faults.at(-1) ?? "", /is no directory/)
    assert.isFalse(CatalogueFiles.isKnown(options()))
  })

  it("say of which servers something is known", () => {
    assert.isFalse(CatalogueFiles.isKnown(options()))
    assert.deepStrictEqual(CatalogueFiles.list(options().environment), [])
    const page = { answer: `{"jsonrpc":"2.0","id":0,"result":{"tools":[]}}` }
    open()?.write(
      "w",
      JSON.stringify({ format: 1, name: "mine", lists: { "tools/list": [page, { ...page, cursor: "1" }] } })
    )
    assert.isTrue(CatalogueFiles.isKnown(options()))
    assert.isFalse(CatalogueFiles.isKnown(options({ args: ["x"] })))
    const [known, ...others] = CatalogueFiles.list(options().environment)
    assert.deepStrictEqual([known?.name, known?.lists, others], ["mine", { "tools/list": 2 }, []])
  })
})
