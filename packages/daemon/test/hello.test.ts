import { assert, describe, it } from "@effect/vitest"
import * as Hello from "../src/Hello.ts"

const hello: Hello.Hello = {
  holdfast: 1,
  token: "t",
  program: "p",
  pid: 7,
  directory: "/d",
  environment: { A: "1" },
  wants: { endpoint: { command: "c", args: ["a"], cwd: "/e", env: { B: "2" }, inheritEnv: true }, name: "n" },
  use: "once",
  shared: true,
  handOn: false,
  modern: true,
  moves: true
}

describe("the first line", () => {
  it("arrives as it was sent, and what is not known in it is ignored", () => {
    assert.deepStrictEqual(Hello.decodeHello(Hello.encode(hello)), hello)
    assert.deepStrictEqual(Hello.decodeHello(JSON.stringify({ ...hello, of: { next: "year" } })), hello)
  })

  it("says by default what a host wants", () => {
    const { handOn: _, modern: __, moves: ___, shared: ____, use: _____, ...rest } = hello
    const read = Hello.decodeHello(JSON.stringify(rest))
    const unsaid = { shared: undefined, handOn: undefined, modern: undefined, moves: undefined }
    assert.deepStrictEqual(read, { ...hello, use: "host", ...unsaid })
  })

  it("is refused by what is wrong with it", () => {
    const wrong: ReadonlyArray<readonly [unknown, string]> = [
      ["no json", "the first line is no JSON object"],
      [{ ...hello, token: 7 }, "token: a text is missing"],
      [{ ...hello, directory: "here" }, "directory: an absolute path is missing"],
      [{ ...hello, environment: { A: 1 } }, "environment: an object of texts is missing"],
      [{ ...hello, wants: {} }, "wants: neither server nor endpoint nor http nor daemon"],
      [{ ...hello, wants: { server: "s", config: "c.json" } }, "wants: config: an absolute path is missing"],
      [{ ...hello, wants: { endpoint: { command: "c", args: [1] } } }, "wants: endpoint.args: texts are missing"],
      [{ ...hello, wants: { endpoint: { command: "c", args: [], cwd: "e" } } }, "wants: endpoint.cwd: no absolute path"]
    ]
    for (const [line, fault] of wrong) assert.strictEqual(Hello.decodeHello(JSON.stringify(line)), fault)
  })

  it("is answered by one line, which a client of another year can read", () => {
    const answers: ReadonlyArray<Hello.Answer> = [
      { holdfast: 1, version: "1.0.0", pid: 9 },
      { holdfast: 1, error: { code: "BadWish", message: "no" } }
    ]
    for (const answer of answers) assert.deepStrictEqual(Hello.decodeAnswer(Hello.encode(answer)), answer)
    const newer = { holdfast: 9, error: { code: "OfNextYear", message: "no" } }
    assert.deepStrictEqual(Hello.decodeAnswer(JSON.stringify(newer)), {
      holdfast: 9,
      error: { code: "NotAdmitted", message: "no" }
    })
    assert.isUndefined(Hello.decodeAnswer("HTTP/1.1 400 Bad Request"))
  })
})
