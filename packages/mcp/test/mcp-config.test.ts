import { assert, describe, it } from "@effect/vitest"
import { ConfigInvalid, McpConfig, McpRuntimeError, type Origin } from "@holdfast/mcp"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import * as fs from "node:fs/promises"
import * as os from "node:os"
import * as path from "node:path"
import { optionNames } from "../src/internal/config/holdfastOptions.ts"

const origin: Origin = { file: ".mcp.json", directory: "/project", environment: {} }
const document = (entry: unknown) => ({ mcpServers: { fs: entry } })

const read = (entry: unknown, environment: Record<string, string> = {}) =>
  Effect.map(McpConfig.decode(document(entry), { ...origin, environment }), (config) => {
    const server = config.servers.get("fs")
    assert.isDefined(server)
    return server
  })

const readStdio = (entry: unknown, environment: Record<string, string> = {}) =>
  Effect.map(read(entry, environment), ({ endpoint }) => {
    assert(endpoint._tag === "Stdio")
    return endpoint
  })

/** What is wrong with an entry, which is all that keeps a server from being used. */
const fault = (entry: unknown, environment: Record<string, string> = {}) =>
  Effect.map(McpConfig.decode(document(entry), { ...origin, environment }), ({ unusable }) => {
    const invalid = unusable.get("fs")
    assert.instanceOf(invalid, ConfigInvalid)
    return invalid.message
  })

const complaint = <A>(effect: Effect.Effect<A, McpRuntimeError>) =>
  Effect.map(Effect.flip(effect), (error) => {
    assert.instanceOf(error, McpRuntimeError)
    assert.instanceOf(error.reason, ConfigInvalid)
    return error.message
  })

describe("McpConfig", () => {
  it.effect("reads a stdio server and fills in what is not said", () =>
    Effect.gen(function*() {
      const server = yield* read({ command: "npx", args: ["-y", "x"], env: { TOKEN: "t" } })
      assert(server.endpoint._tag === "Stdio")
      assert.deepStrictEqual(server.endpoint.args, ["-y", "x"])
      assert.strictEqual(server.endpoint.cwd, "/project")
      assert.isFalse(server.endpoint.inheritEnv)
      const token = server.endpoint.env["TOKEN"]
      assert.isDefined(token)
      assert.strictEqual(Redacted.value(token), "t")
      assert.strictEqual(server.policy.connectTimeout, 120_000)
      assert.strictEqual(server.policy.acquireTimeout, 150_000)
      assert.strictEqual(server.policy.idleTimeout, Number.POSITIVE_INFINITY)
      assert.deepStrictEqual(server.deadlines, { idle: 300_000, hard: 1_800_000, read: 30_000 })
    }))

  it.effect("reads an http server under each name of the transport", () =>
    Effect.gen(function*() {
      for (const type of [undefined, "http", "streamable-http", "streamableHttp"]) {
        const server = yield* read({ ...(type && { type }), url: "http://localhost:3000/mcp", headers: { "X-A": "1" } })
        assert(server.endpoint._tag === "Http")
        assert.strictEqual(server.endpoint.url, "http://localhost:3000/mcp")
        assert.deepStrictEqual(Object.keys(server.endpoint.headers), ["X-A"])
        assert.strictEqual(server.policy.connectTimeout, 20_000)
        assert.strictEqual(server.policy.acquireTimeout, 30_000)
      }
    }))

  it.effect("reads the options under holdfast, durations in words, numbers and Infinity", () =>
    Effect.gen(function*() {
      const server = yield* read({
        command: "x",
        holdfast: {
          connectTimeout: "20 seconds",
          acquireTimeout: 45_000,
          idleTimeout: "Infinity",
          idleDeadline: "1 minute",
          hardDeadline: "2 hours",
          readDeadline: 500,
          reuse: false,
          sharing: "exclusive",
          inheritEnv: true,
          maxWaiters: 7
        }
      })
      assert.include(server.policy, {
        connectTimeout: 20_000,
        acquireTimeout: 45_000,
        idleTimeout: Number.POSITIVE_INFINITY,
        reuse: false,
        sharing: "exclusive",
        maxWaiters: 7
      })
      assert.deepStrictEqual(server.deadlines, { idle: 60_000, hard: 7_200_000, read: 500 })
      assert(server.endpoint._tag === "Stdio" && server.endpoint.inheritEnv)
    }))

  it.effect("reads how a session over HTTP is kept, with its defaults", () =>
    Effect.gen(function*() {
      const url = "http://h/mcp"
      const http = (holdfast: object) =>
        Effect.map(read({ url, holdfast }), ({ endpoint }) => {
          assert(endpoint._tag === "Http")
          const { isSessionLost, push, sessionEndTimeout } = endpoint
          assert.isUndefined(isSessionLost, "a function has no place in a file")
          return [push, Duration.toMillis(sessionEndTimeout)]
        })
      assert.deepStrictEqual(yield* http({}), [true, 2000])
      assert.deepStrictEqual(yield* http({ push: false, sessionEndTimeout: "10 seconds" }), [false, 10_000])
      assert.deepStrictEqual(yield* http({ push: true, sessionEndTimeout: 500 }), [true, 500])
      assert.deepStrictEqual(yield* http({ sessionEndTimeout: "Infinity" }), [true, Number.POSITIVE_INFINITY])
    }))

  it.effect("reads instances of a command, whose number is a placeholder there and nowhere else", () =>
    Effect.gen(function*() {
      const entry = { command: "x", args: ["--profile=${instance}"], env: { PORT: "900${instance}" } }
      const instances = { max: 4 }
      const { endpoint, hosts } = yield* read({ ...entry, holdfast: { instances } })
      assert(endpoint._tag === "Stdio")
      assert.deepStrictEqual(hosts?.instances, instances)
      const port = endpoint.env["PORT"]
      assert.isDefined(port)
      assert.deepStrictEqual([endpoint.args, Redacted.value(port)], [["--profile=1"], "9001"])
      const faults: ReadonlyArray<readonly [object, RegExp]> = [
        [entry, /environment variable instance to be set/],
        [{ ...entry, holdfast: { instances: { max: 0 } } }, /instances\.max/],
        [{ ...entry, holdfast: { instances: 4 } }, /instances/],
        [{ url: "http://h/mcp", holdfast: { instances } }, /at servers that are commands only/]
      ]
      for (const [wrong, message] of faults) assert.match(yield* fault(wrong), message)
    }))

  it("tells of every option in the README", async () => {
    const readme = await fs.readFile(new URL("../README.md", import.meta.url), "utf8")
    const section = readme.slice(readme.indexOf("## What is configured"))
    for (const name of optionNames) assert.include(section, `\`${name}\``)
  })

  it.effect("lets callers wait longer when only connectTimeout is raised", () =>
    Effect.gen(function*() {
      const server = yield* read({ command: "x", holdfast: { connectTimeout: "10 minutes" } })
      assert.isAbove(server.policy.acquireTimeout, server.policy.connectTimeout)
    }))

  it.effect("resolves a relative working directory against the file's directory", () =>
    Effect.gen(function*() {
      assert.strictEqual((yield* readStdio({ command: "x", cwd: "tools" })).cwd, "/project/tools")
      assert.strictEqual((yield* readStdio({ command: "x", cwd: "/abs" })).cwd, "/abs")
    }))

  it.effect("expands variables everywhere in an entry, once, with defaults", () =>
    Effect.gen(function*() {
      const endpoint = yield* readStdio({
        command: "${BIN}/server",
        args: ["${env:WORD}", "${NONE:-fallback}", "${EMPTY:-filled}", "${EMPTY}", "$WORD $${input:ask}"],
        env: { KEY: "a-${WORD}-${BIN}" },
        cwd: "${WORD}"
      }, { BIN: "/opt", WORD: "${BIN}", EMPTY: "" })
      assert.strictEqual(endpoint.command, "/opt/server")
      assert.deepStrictEqual(endpoint.args, ["${BIN}", "fallback", "filled", "", "$WORD ${input:ask}"])
      const key = endpoint.env["KEY"]
      assert.isDefined(key)
      assert.strictEqual(Redacted.value(key), "a-${BIN}-/opt")
      assert.strictEqual(endpoint.cwd, "/project/${BIN}")
    }))

  it.effect("keeps a server with an unset variable and a switched-off one apart from the usable", () =>
    Effect.gen(function*() {
      const config = yield* McpConfig.decode({
        mcpServers: {
          good: { command: "x" },
          github: { url: "https://h/mcp", headers: { Authorization: "Bearer ${GITHUB_TOKEN}" } },
          off: { command: "x", disabled: true },
          old: { type: "sse", url: "https://h/sse" }
        }
      }, origin)
      assert.deepStrictEqual([...config.servers.keys()], ["good", "old"])
      assert.strictEqual(config.servers.get("old")?.endpoint._tag, "Sse")
      assert.deepStrictEqual([...config.unusable.keys()], ["github", "off"])
      assert.strictEqual(
        config.unusable.get("github")?.message,
        ".mcp.json: mcpServers.github.headers.Authorization: expected the environment variable GITHUB_TOKEN to be set, " +
          "or a default: ${GITHUB_TOKEN:-…}, got an unset variable"
      )
      assert.include(config.unusable.get("off")?.message ?? "", "mcpServers.off.disabled")
    }))

  it.effect("lets the fields of other programs stand that mean nothing here", () =>
    Effect.gen(function*() {
      const config = yield* McpConfig.decode({
        $schema: "https://h/schema.json",
        inputs: [],
        mcpServers: { fs: { command: "x", alwaysAllow: ["a"], description: "d", "//": "note", "x-own": 1 } }
      }, origin)
      assert.deepStrictEqual([...config.servers.keys()], ["fs"])
      assert.deepStrictEqual(config.warnings, [])
    }))

  it.effect("takes any name for a server, __proto__ too", () =>
    Effect.gen(function*() {
      const config = yield* McpConfig.parse(
        `{"mcpServers":{"__proto__":{"command":"x"},"a.b c":{"command":"y"}}}`,
        origin
      )
      assert.deepStrictEqual([...config.servers.keys()], ["__proto__", "a.b c"])
    }))

  it.effect("names the file, the place, what was expected and what was found", () =>
    Effect.gen(function*() {
      const cases: ReadonlyArray<readonly [entry: unknown, message: string]> = [
        [{ command: 1 }, "mcpServers.fs.command: expected a string, got a number"],
        [{ command: "" }, "mcpServers.fs.command: expected a command, got an empty string"],
        [
          { command: "x", args: "-y" },
          "mcpServers.fs.args: expected a list with each argument by itself, such as [\"-y\", \"server\"], got a string"
        ],
        [{ command: "x", args: ["-y", {}] }, "mcpServers.fs.args[1]: expected a string, got an object"],
        [{ command: "x", env: { "A KEY": [] } }, "mcpServers.fs.env[\"A KEY\"]: expected a string, got an array"],
        [{ command: "x", cwd: {} }, "mcpServers.fs.cwd: expected a string, got an object"],
        ["npx", "mcpServers.fs: expected an object, got a string"],
        [{}, "mcpServers.fs: expected a command (stdio) or a url (http), got neither"],
        [
          { command: "x", url: "http://h/" },
          "mcpServers.fs: expected either a command or a url, got both; say which with \"type\""
        ],
        [{ type: "stdio", url: "http://h/" }, "mcpServers.fs.command: expected a command, got nothing"],
        [{ type: "http", command: "x" }, "mcpServers.fs.url: expected an absolute http or https url, got nothing"],
        [{ type: "ws", url: "ws://h" }, "mcpServers.fs.type: expected \"stdio\", \"http\" or \"sse\", got \"ws\""],
        [
          { url: "localhost:3000/mcp" },
          "mcpServers.fs.url: expected an absolute http or https url, got one that does not begin with http:// or https://"
        ],
        [
          { url: "/mcp?key=hunter2" },
          "mcpServers.fs.url: expected an absolute http or https url, got one that does not begin with http:// or https://"
        ],
        [
          { url: "ws://user:hunter2@h/mcp" },
          "mcpServers.fs.url: expected an absolute http or https url, got ws://…"
        ],
        [
          { url: "https://:hunter2" },
          "mcpServers.fs.url: expected an absolute http or https url, got https:// and what is no host"
        ],
        [{ url: "" }, "mcpServers.fs.url: expected an absolute http or https url, got an empty string"],
        [
          { command: "x", holdfast: { conectTimeout: 1 } },
          "mcpServers.fs.holdfast.conectTimeout: expected connectTimeout, got an unknown option"
        ],
        [
          { command: "x", holdfast: { connectTimeout: "soon" } },
          "mcpServers.fs.holdfast.connectTimeout: expected a duration such as \"20 seconds\", a number of milliseconds, " +
          "or \"Infinity\", got \"soon\""
        ],
        [
          { command: "x", holdfast: { connectTimeout: 0 } },
          "mcpServers.fs.holdfast.connectTimeout: expected longer than zero, got 0 ms"
        ],
        [
          { command: "x", holdfast: { hardDeadline: "0 seconds" } },
          "mcpServers.fs.holdfast.hardDeadline: expected longer than zero, got 0 ms"
        ],
        [
          { command: "x", holdfast: { push: false } },
          "mcpServers.fs.holdfast.push: expected this option at servers over Streamable HTTP only (\"type\": \"http\"), " +
          "got a server over stdio"
        ],
        [
          { type: "sse", url: "http://h/", holdfast: { sessionEndTimeout: 5 } },
          "mcpServers.fs.holdfast.sessionEndTimeout: expected this option at servers over Streamable HTTP only " +
          "(\"type\": \"http\"), got a server over sse"
        ],
        [
          { url: "http://h/", holdfast: { sessionEndTimeout: 0 } },
          "mcpServers.fs.holdfast.sessionEndTimeout: expected longer than zero, got 0 ms"
        ],
        [
          { url: "http://h/", holdfast: { push: "no" } },
          "mcpServers.fs.holdfast.push: expected boolean, got \"no\""
        ],
        [
          { command: "x", holdfast: { sharing: "sometimes" } },
          "mcpServers.fs.holdfast.sharing: expected \"shared\" | \"exclusive\", got \"sometimes\""
        ],
        [
          { command: "x", holdfast: { reuse: "no" } },
          "mcpServers.fs.holdfast.reuse: expected boolean, got \"no\""
        ],
        [
          { command: "x", holdfast: { minUptime: { secnds: 7 } } },
          "mcpServers.fs.holdfast.minUptime: expected a duration such as \"20 seconds\", a number of milliseconds, " +
          "or \"Infinity\", got an object"
        ],
        [
          { command: "x", holdfast: { maxWaiters: 0 } },
          "mcpServers.fs.holdfast.maxWaiters: expected an integer of at least 1, got 0"
        ]
      ]
      for (const [entry, message] of cases) {
        assert.strictEqual(yield* fault(entry), `.mcp.json: ${message}`)
      }
    }))

  it.effect("says what is missing when the document has no servers", () =>
    Effect.gen(function*() {
      const cases: ReadonlyArray<readonly [value: unknown, message: string]> = [
        [[], ".mcp.json: expected an object with mcpServers, got an array"],
        [null, ".mcp.json: expected an object with mcpServers, got null"],
        [{}, ".mcp.json: mcpServers: expected an object of servers by name, got nothing"],
        [
          { mcp_servers: { fs: { command: "x" } } },
          ".mcp.json: mcpServers: expected an object of servers by name, got mcp_servers, which is no name for it"
        ],
        [{ mcpServers: "none" }, ".mcp.json: mcpServers: expected an object of servers by name, got a string"]
      ]
      for (const [value, message] of cases) {
        assert.strictEqual(yield* complaint(McpConfig.decode(value, origin)), message)
      }
    }))

  it.effect("quotes no value that may be a secret", () =>
    Effect.gen(function*() {
      const entries = [
        { command: { hunter2: "hunter2" } },
        { command: "x", env: { TOKEN: [42] } },
        { command: "x", env: "TOKEN=hunter2" },
        { command: "x", args: "--token hunter2" },
        { url: "hunter2" },
        { url: "http://h/", headers: { authorization: ["hunter2"] } }
      ]
      for (const entry of entries) {
        const message = yield* fault(entry)
        assert.notInclude(message, "hunter2")
        assert.notInclude(message, "42")
      }
    }))

  it.effect("says a config in code with the same defaults, and refuses a policy that contradicts itself", () =>
    Effect.gen(function*() {
      const endpoint = (yield* read({ command: "x" })).endpoint
      const config = yield* McpConfig.make({
        a: endpoint,
        b: { endpoint, policy: { maxInFlight: 2 }, deadlines: { read: 5 } }
      })
      assert.strictEqual(config.servers.get("a")?.policy.connectTimeout, 120_000)
      assert.strictEqual(config.servers.get("b")?.policy.maxInFlight, 2)
      assert.strictEqual(config.servers.get("b")?.deadlines.read, 5)
      assert.strictEqual(
        yield* complaint(McpConfig.make({ a: { endpoint, policy: { maxInFlight: 0 } } })),
        "config: a.policy.maxInFlight: expected an integer of at least 1, got 0"
      )
    }))

  it.live("reads a file, with a byte order mark too, and resolves paths against its directory", () =>
    Effect.gen(function*() {
      const directory = yield* temporaryDirectory
      const file = path.join(directory, "mcp.json")
      yield* Effect.promise(() => fs.writeFile(file, "\uFEFF" + JSON.stringify(document({ command: "x" }))))
      const config = yield* McpConfig.load(file)
      const endpoint = config.servers.get("fs")?.endpoint
      assert(endpoint?._tag === "Stdio")
      assert.strictEqual(endpoint.cwd, directory)
    }).pipe(Effect.scoped))
})

const temporaryDirectory = Effect.acquireRelease(
  Effect.promise(() => fs.mkdtemp(path.join(os.tmpdir(), "holdfast-config-"))),
  (directory) => Effect.promise(() => fs.rm(directory, { recursive: true }))
)
