/**
 * The images of the daemon and of the scan server: built by their Dockerfiles, step by step, from packed packages, and run as a container runs.
 * The image that they begin with is one of our own (see `ImageStore`), and a namespace is the container: no registry of images is asked.
 */
import { afterAll, assert, beforeAll, describe, it } from "@effect/vitest"
import * as Fs from "node:fs"
import * as Os from "node:os"
import * as Path from "node:path"
import { packed, root, type Tarball } from "../packaging/Tarballs.ts"
import { Container } from "./support/Container.ts"
import { type Image, ImageStore } from "./support/ImageStore.ts"

const own = Fs.mkdtempSync(Path.join(Os.tmpdir(), "hf-containers-"))
let store: ImageStore
let tarballs: ReadonlyArray<Tarball>

beforeAll(() => {
  tarballs = packed(own)
  store = new ImageStore()
  store.base("docker.io/library/node:24.21.0-bookworm-slim")
}, 600_000)

afterAll(() => {
  store?.[Symbol.dispose]()
  Fs.rmSync(own, { recursive: true, force: true })
})

/** All that is packed, for npm in a step. */
const packages = (): string => tarballs.map(({ path }) => `/packed/${Path.basename(path)}`).join(" ")

const statusOf = (container: Container, pid: string): string => container.exec("cat", `/proc/${pid}/status`).stdout

describe("the image of the daemon", () => {
  it(
    "keeps servers as a user without rights on files that cannot be written, is healthy, collects what ends, and leaves with 0",
    async () => {
      const image = store.build(Path.join(root, "apps/cli"), { argument: `HOLDFAST=${packages()}`, tarballs: own })
      assert.strictEqual(image.config.User, "1000:1000")
      const config = Path.join(own, "servers.json")
      const server = "/srv/server.ts"
      // A shell between: the server itself is a grandchild, whose end is told to process 1.
      const args = ["-c", `node ${server} /tmp/log; exit 0`]
      Fs.writeFileSync(config, JSON.stringify({ mcpServers: { one: { command: "sh", args } } }))
      await using container = new Container(image, {
        mounts: {
          "/home/node/.mcp.json": config,
          [server]: Path.join(root, "test/scorecard/server.ts")
        }
      })
      await container.healthy()
      const called = container.exec("holdfast", "call", "one.echo", "text=hello", "--trust")
      assert.strictEqual(called.status, 0, called.stderr)
      assert.include(called.stdout, "hello")
      assert.match(statusOf(container, "1"), /^Name:\s+init\.sh$/m)
      assert.match(statusOf(container, "1"), /^Uid:\s+1000\s/m)
      assert.notStrictEqual(container.exec("touch", "/opt/holdfast/new").status, 0)
      assert.strictEqual(container.exec("holdfast", "daemon", "close", "one").status, 0)
      await container.until(() => !/^Z/m.test(container.exec("ps", "-o", "stat,comm").stdout))
      assert.strictEqual(await container.stop(), 0, container.output())
    },
    600_000
  )
})

describe("the image of the scan server", () => {
  let image: Image
  beforeAll(() => {
    const argument = `SCAN_SERVER=${packages()}`
    image = store.build(Path.join(root, "apps/scan-server"), { argument, tarballs: own })
  }, 600_000)

  it(
    "asks for tokens, scans what is mounted on files that cannot be written, is healthy, and leaves with 0",
    async () => {
      assert.strictEqual(image.config.User, "1000:1000")
      const token = "a-secret-of-this-test-only"
      const project = Path.join(own, "project")
      Fs.mkdirSync(project)
      const secret =
        "-----BEGIN RSA PRIVATE KEY-----\nMIIEowIBAAKCAQEA0Z3VS5JJcds3xfn/ygWyF0mQe0w8c0mKzV5kq4o2Yl0bS1nT\n-----END RSA PRIVATE KEY-----\n"
      Fs.writeFileSync(Path.join(project, "key.pem"), secret)
      await using container = new Container(image, {
        env: [`HOLDFAST_SCAN_TOKENS=me:${token}`],
        mounts: { "/srv": project }
      })
      await container.healthy()
      assert.strictEqual(container.exec("id", "-u").stdout.trim(), "1000")
      const asked = (headers: Readonly<Record<string, string>>, tool: string, args: object) => {
        const request = JSON.stringify({
          method: "POST",
          headers: { "content-type": "application/json", accept: "application/json, text/event-stream", ...headers },
          body: JSON.stringify({ jsonrpc: "2.0", id: 1, method: "tools/call", params: { name: tool, arguments: args } })
        })
        const program = `fetch("http://127.0.0.1:8080/mcp", ${request})` +
          `.then(async (answer) => console.log(JSON.stringify({ status: answer.status, text: await answer.text() })))`
        const { stderr, stdout } = container.exec("node", "-e", program)
        assert.strictEqual(stderr, "")
        return JSON.parse(stdout)
      }
      const mine = { authorization: `Bearer ${token}` }
      assert.strictEqual(asked({}, "run_scan", { path: "." }).status, 401)
      const { text } = asked(mine, "run_scan", { path: "." })
      const [, id = ""] = /\\?"id\\?":\s*\\?"([0-9a-f-]{36})/.exec(text) ?? []
      assert.notStrictEqual(id, "", text)
      await container.until(() => /succeeded/.test(asked(mine, "get_scan_progress", { id }).text))
      assert.include(asked(mine, "get_scan_results", { id }).text, "key.pem")
      assert.strictEqual(await container.stop(), 0, container.output())
    },
    600_000
  )

  it("does not start without tokens, and says which variable holds them", async () => {
    await using container = new Container(image)
    await container.healthy().then(() => assert.fail("it is healthy"), () => undefined)
    assert.include(container.output(), "HOLDFAST_SCAN_TOKENS")
  }, 600_000)
})
