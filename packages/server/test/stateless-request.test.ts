import { assert, describe, it } from "@effect/vitest"
import * as ModernEra from "@holdfast/protocol/ModernEra"
import { toCapabilities, toError, toResult, toTask } from "../src/internal/stateless/results.ts"
import { read } from "../src/internal/stateless/StatelessRequest.ts"

const revision = "2026-07-28"
const { clientCapabilities, clientInfo, logLevel, protocolVersion } = ModernEra.metaKey
const meta = { [protocolVersion]: revision, [clientCapabilities]: {} }
const headers = { "mcp-protocol-version": revision, "mcp-method": "tools/call", "mcp-name": "a" }

const readParams = (params: unknown, given?: Readonly<Record<string, string>>) =>
  read({ _tag: "Request", id: 1, method: "tools/call", params }, given, [revision])

describe("a request that says everything by itself", () => {
  it("is told apart into what an older server understands and what this revision has added", () => {
    const inputResponses = { q: { action: "accept" } }
    const params = {
      name: "a",
      inputResponses,
      requestState: "s",
      _meta: {
        ...meta,
        [clientInfo]: { name: "c", version: "1" },
        [logLevel]: "warning",
        progressToken: 5
      }
    }
    assert.deepStrictEqual(readParams(params, headers), {
      id: 1,
      method: "tools/call",
      params: { name: "a", _meta: { progressToken: 5 } },
      clientInfo: { name: "c", version: "1" },
      capabilities: {},
      logLevel: "warning",
      answers: new Map(Object.entries(inputResponses)),
      state: "s"
    })
  })

  it("may say no more than its revision and its capabilities", () => {
    assert.deepStrictEqual(readParams({ _meta: meta }), {
      id: 1,
      method: "tools/call",
      params: {},
      clientInfo: {},
      capabilities: {},
      logLevel: undefined,
      answers: new Map(),
      state: undefined
    })
  })

  const invalid: ReadonlyArray<readonly [what: string, params: unknown, message: string]> = [
    ["without parameters", undefined, `params._meta has no "${protocolVersion}"`],
    ["whose _meta is no object", { _meta: [] }, `params._meta has no "${protocolVersion}"`],
    ["without capabilities", { _meta: { [protocolVersion]: revision } }, `params._meta has no "${clientCapabilities}"`],
    [
      "with a capability that is no object",
      { _meta: { ...meta, [clientCapabilities]: { sampling: true } } },
      "every capability of a client is an object"
    ],
    [
      "whose client has no name",
      { _meta: { ...meta, [clientInfo]: { version: "1" } } },
      "clientInfo has a name and a version"
    ],
    [
      "whose client has no version",
      { _meta: { ...meta, [clientInfo]: { name: "a" } } },
      "clientInfo has a name and a version"
    ],
    ["whose client is null", { _meta: { ...meta, [clientInfo]: null } }, "clientInfo has a name and a version"],
    [
      "whose answers are a list",
      { _meta: meta, inputResponses: [] },
      "inputResponses holds an object for every question"
    ],
    [
      "whose answer is a text",
      { _meta: meta, inputResponses: { q: "a" } },
      "inputResponses holds an object for every question"
    ],
    ["whose state is a number", { _meta: meta, requestState: 1 }, "requestState is a string"],
    ["with a level that there is not", { _meta: { ...meta, [logLevel]: "loud" } }, "this is no level of log messages"]
  ]
  it.each(invalid)("%s is refused in words", (_, params, message) => {
    assert.deepStrictEqual(readParams(params), { _tag: "Refused", status: 400, error: { code: -32602, message } })
  })

  it("of another revision is refused with those that are served, and no more than the beginning of what it said", () => {
    const asked = "1".repeat(50)
    assert.deepStrictEqual(readParams({ _meta: { ...meta, [protocolVersion]: asked } }), {
      _tag: "Refused",
      status: 400,
      error: {
        code: ModernEra.unsupportedProtocolVersion,
        message: `the revision "${"1".repeat(40)}" is not supported`,
        data: { supported: [revision], requested: "1".repeat(40) }
      }
    })
  })

  it("knows the levels of log messages, from what is least important on", () => {
    for (const level of ["debug", "info", "notice", "warning", "error", "critical", "alert", "emergency"]) {
      assert.include(readParams({ _meta: { ...meta, [logLevel]: level } }), { logLevel: level })
    }
  })
})

describe("what headers say", () => {
  const params = { name: "a", _meta: meta }
  it("is what the body says", () => {
    assert.include(readParams(params, headers), { method: "tools/call" })
    const faults: ReadonlyArray<readonly [change: Readonly<Record<string, string>>, words: string]> = [
      [{ "mcp-protocol-version": "2025-11-25" }, "mcp-protocol-version says something else than the body"],
      [{ "mcp-method": "tools/list" }, "mcp-method"],
      [{ "mcp-name": "b" }, "mcp-name"]
    ]
    for (const [change, words] of faults) {
      const refused = readParams(params, { ...headers, ...change })
      assert.deepNestedInclude(refused, { status: 400, "error.code": ModernEra.headerMismatch }, words)
      assert.include(JSON.stringify(refused), words)
    }
    const { "mcp-protocol-version": _, ...others } = headers
    assert.include(JSON.stringify(readParams(params, others)), "the header mcp-protocol-version is missing")
  })

  it("of a name is not asked for where the body has none", () => {
    const { "mcp-name": _, ...others } = headers
    assert.include(readParams({ _meta: meta }, others), { method: "tools/call" })
  })
})

describe("an answer of a server with sessions", () => {
  const serverInfo = { name: "s", version: "1" }
  const _meta = { [ModernEra.metaKey.serverInfo]: serverInfo }

  it("is complete, and is kept by nobody unless it says so", () => {
    assert.deepStrictEqual(toResult("tools/call", { content: [], _meta: { a: 1 } }, serverInfo), {
      resultType: "complete",
      content: [],
      _meta: { a: 1, ..._meta }
    })
    const cacheable = [
      "server/discover",
      "tools/list",
      "prompts/list",
      "resources/list",
      "resources/templates/list",
      "resources/read"
    ]
    for (const method of cacheable) {
      const usual = { resultType: "complete", ttlMs: 0, cacheScope: "private", _meta }
      assert.deepStrictEqual(toResult(method, {}, serverInfo), usual, method)
    }
    assert.include(toResult("tools/list", { ttlMs: 5, cacheScope: "public" }, serverInfo), {
      ttlMs: 5,
      cacheScope: "public"
    })
    assert.deepStrictEqual(toResult("tools/call", "no object", serverInfo), { resultType: "complete", _meta })
  })

  it("that is a task is told as one, if it answers a call", () => {
    const task = { taskId: "t", status: "working", ttl: 60, pollInterval: 5 }
    const told = { taskId: "t", status: "working", ttlMs: 60, pollIntervalMs: 5 }
    assert.deepStrictEqual(toResult("tools/call", { task }, serverInfo), { resultType: "task", ...told, _meta })
    assert.deepInclude(toResult("tools/list", { task }, serverInfo), { resultType: "complete", task })
    assert.deepInclude(toResult("tools/call", { task: "t" }, serverInfo), { resultType: "complete", task: "t" })
    assert.deepStrictEqual(toTask({ taskId: "t", ttl: null }), { taskId: "t", ttlMs: null })
  })

  it("that is an error has the status of its kind", () => {
    const error = (code: number) => ({ code, message: "no" })
    const uri = "a:b"
    assert.deepStrictEqual(toError("tools/call", { uri }, error(-32601)), { status: 404, error: error(-32601) })
    const missing = error(ModernEra.missingClientCapability)
    assert.deepStrictEqual(toError("tools/call", { uri }, missing), { status: 400, error: missing })
    assert.deepStrictEqual(toError("tools/call", { uri }, error(-32002)), { status: 200, error: error(-32002) })
    for (const code of [-32002, -32602]) {
      assert.deepStrictEqual(toError("resources/read", { uri }, error(code)), {
        status: 200,
        error: { code: -32602, message: "no", data: { uri } }
      })
    }
    assert.deepStrictEqual(toError("resources/read", { uri }, error(-1)), { status: 200, error: error(-1) })
  })

  it("tells of tasks as of an extension", () => {
    assert.deepStrictEqual(toCapabilities({ tools: {} }), { tools: {} })
    assert.deepStrictEqual(toCapabilities({ tools: {}, tasks: {}, extensions: { e: {} } }), {
      tools: {},
      extensions: { e: {}, [ModernEra.tasksExtension]: {} }
    })
    assert.deepStrictEqual(toCapabilities({ tasks: {} }), { extensions: { [ModernEra.tasksExtension]: {} } })
  })
})
