/** The words for data at length, in this process and with a server that is one. As programs of their own: `data-processes.long.test.ts`. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as fs from "node:fs"
import * as path from "node:path"
import * as Complete from "../src/outputs/complete.ts"
import * as Failed from "../src/outputs/error.ts"
import * as Prompt from "../src/outputs/prompt.ts"
import * as Prompts from "../src/outputs/prompts.ts"
import * as Read from "../src/outputs/read.ts"
import * as Resources from "../src/outputs/resources.ts"
import { makeDirectory } from "./support/Cli.ts"
import { decoded, says, stdio } from "./support/DataWords.ts"

describe("holdfast resources", () => {
  it.live("lists what can be read and the templates, aligned by what the cells take on the screen", () =>
    Effect.gen(function*() {
      const { code, err, out } = yield* says(["resources"])
      assert.deepStrictEqual([code, err], [0, ""])
      assert.deepStrictEqual(out.split("\n"), [
        "talk  doc://guide   text/markdown  指南: How to",
        "talk  doc://logo    image/png      logo",
        "talk  doc://{page}  text/plain     page",
        ""
      ])
      const json = decoded(Resources.Output, (yield* says(["resources", "talk", "--json"])).out)
      assert.deepStrictEqual(
        json.map(({ resources, server, templates }) => [server, resources?.length, templates?.[0]?.uriTemplate]),
        [["talk", 2, "doc://{page}"]]
      )
    }))

  it.live("takes no tool for a server, and needs none with --stdio", () =>
    Effect.gen(function*() {
      const dotted = yield* says(["resources", "talk.guide"])
      assert.strictEqual(dotted.code, 2)
      assert.match(dotted.err, /resources are listed by server: holdfast resources talk/)
      assert.strictEqual((yield* says(["resources", "tlk"])).code, 2)
      assert.match((yield* says(["resources", ...stdio])).out, /^talkingServer {2}doc:\/\/guide/)
    }))
})

describe("holdfast read", () => {
  it.live("prints a text as it is, and a blob into a pipe as its bytes", () =>
    Effect.gen(function*() {
      assert.deepStrictEqual(yield* says(["read", "talk", "doc://guide"]), { code: 0, out: "# Guide\n", err: "" })
      const bytes = yield* says(["read", "talk", "doc://logo"])
      assert.deepStrictEqual([bytes.code, bytes.err, bytes.out.slice(1, 4)], [0, "", "PNG"])
      const seen = yield* says(["read", "talk", "doc://logo"], { isTerminal: true })
      assert.match(seen.out, /^\[image\/png, 70 bytes: doc:\/\/logo\]$/m)
      const json = decoded(Read.Output, (yield* says(["read", "talk", "doc://logo", "--json"])).out)
      assert.strictEqual(json.contents[0]?.mimeType, "image/png")
    }))

  it.live("says what is wrong with its words before a server is started, and what the server says of an unknown uri", () =>
    Effect.gen(function*() {
      for (
        const [words, message] of [
          [["talk"], /say which resource of talk; holdfast resources talk lists them/],
          [["talk", "doc://{page}"], /is a template/],
          [["talk", "doc://guide", "more"], /there are words after the uri: more/]
        ] as const
      ) {
        const { code, err } = yield* says(["read", ...words])
        assert.deepStrictEqual([words, code], [words, 2])
        assert.match(err, message)
      }
      const unknown = yield* says(["read", "talk", "doc://none", "--json"])
      assert.deepStrictEqual([unknown.code, unknown.out], [7, ""])
      assert.match(decoded(Failed.Output, unknown.err).error.message, /Resource doc:\/\/none not found/)
    }))
})

describe("holdfast prompts and prompt", () => {
  it.live("list prompts with their arguments, and print one, its messages by role where there are several", () =>
    Effect.gen(function*() {
      assert.match((yield* says(["prompts"])).out, /^talk\.review {2}language \[focus\] {2}Reviews code\ntalk\.chat\n$/)
      const json = decoded(Prompts.Output, (yield* says(["prompts", "--json"])).out)
      assert.deepStrictEqual(json[0]?.prompts?.map(({ name }) => name), ["review", "chat"])
      const one = yield* says(["prompt", "talk.review", "language=ts", "focus=@f"], {
        files: (directory) => fs.writeFileSync(path.join(directory, "f"), "speed")
      })
      assert.deepStrictEqual(one, { code: 0, out: "Review {\"language\":\"ts\",\"focus\":\"speed\"}\n", err: "" })
      const chat = yield* says(["prompt", "talk", "chat"])
      assert.strictEqual(chat.out, "user:\nHello\n\nassistant:\n[image/png, 70 bytes]\n")
      assert.match(chat.err, /named only: \[image\/png/)
      const whole = decoded(Prompt.Output, (yield* says(["prompt", "talk", "chat", "--json"])).out)
      assert.deepStrictEqual(whole.messages.map(({ role }) => role), ["user", "assistant"])
    }))

  it.live("refuse what the prompt does not take, and name what it does", () =>
    Effect.gen(function*() {
      const wrong = yield* says(["prompt", "talk", "review", "focs=x"])
      assert.strictEqual(wrong.code, 2)
      assert.match(
        wrong.err,
        /focs +is no argument; did you mean focus\?\n +language +is missing\n\ntalk\.review takes:\n +language +required/
      )
      const unknown = yield* says(["prompt", "talk", "revew"])
      assert.match(unknown.err, /talk has no prompt "revew"; did you mean review\?/)
    }))
})

describe("holdfast complete", () => {
  it.live("asks what an argument of a prompt or a template may be, given what is known", () =>
    Effect.gen(function*() {
      const prompt = yield* says(["complete", "talk", "review", "language=ty"])
      assert.deepStrictEqual(prompt, { code: 0, out: "type\ntypescript\n", err: "holdfast: these are 2 of 5\n" })
      assert.strictEqual((yield* says(["complete", "talk", "review", "language=ty", "--quiet"])).err, "")
      const all = yield* says(["complete", ...stdio, "doc://{page}", "a=1", "all=x", "--json"])
      const { completion } = decoded(Complete.Output, all.out)
      assert.deepStrictEqual(JSON.parse(completion.values[0] ?? ""), {
        context: { arguments: { a: "1" } },
        ref: { type: "ref/resource", uri: "doc://{page}" }
      })
      assert.strictEqual((yield* says(["complete", "talk", "review"])).code, 2)
    }))
})

describe("holdfast tools", () => {
  it.live("shows titles and hints, in columns that wide characters do not break", () =>
    Effect.gen(function*() {
      const { out } = yield* says(["tools"])
      const [echo = "", drop = ""] = out.split("\n")
      assert.match(echo, /^talk\.echo +text \[times\] +read-only +回声 Echo: Says it back$/)
      assert.match(drop, /^talk\.drop +table where limit all +destructive, idempotent +Drop a table$/)
      assert.strictEqual(echo.indexOf("read-only"), drop.indexOf("destructive"))
    }))

  it.live("shows of one tool each argument, and an example that can be pasted and fits", () =>
    Effect.gen(function*() {
      for (const [tool, source] of [["talk.drop", []], ["drop", stdio]] as const) {
        const { out } = yield* says(["tools", ...source, tool])
        assert.match(out, /^ {2}table +"a b" \| "c" +required$/m)
        const example = /^holdfast (call .*)$/m.exec(out)?.[1] ?? ""
        // As a shell would take it apart.
        const words = [...example.matchAll(/'((?:[^']|'\\'')*)'|(\S+)/g)].map(([, quoted, bare]) =>
          quoted?.replaceAll("'\\''", "'") ?? bare ?? ""
        )
        const called = yield* says(words)
        assert.deepStrictEqual([called.code, called.err], [0, ""], example)
        assert.deepStrictEqual(JSON.parse(called.out), { table: "a b", where: {}, limit: 3, all: true })
      }
    }))
})

describe("a server without a config", () => {
  it.live("is one command or one url, and what contradicts that is refused before anything is started", () =>
    Effect.gen(function*() {
      assert.deepStrictEqual(yield* says(["call", ...stdio, "echo", "text=a"]), { code: 0, out: "a\n", err: "" })
      for (
        const [words, message] of [
          [[...stdio, "--url", "http://127.0.0.1:1/mcp", "echo"], /name two servers/],
          [["--stdio", "'node", "echo"], /a ' has no end/],
          [["--stdio", " ", "echo"], /it names no command/],
          [["--url", "example.org", "echo"], /is no http or https url/],
          [[...stdio, "-H", "A: b", "echo"], /--header is for --url/],
          [["--url", "http://127.0.0.1:1/mcp", "-H", "token", "echo"], /--header is written "Name: value"/],
          [[...stdio, "text=a"], /say which tool/]
        ] as const
      ) {
        const { code, err, out } = yield* says(["call", ...words])
        assert.deepStrictEqual([words, code, out], [words, 2, ""])
        assert.match(err, message)
      }
    }))
})

describe("-o", () => {
  const save = (words: ReadonlyArray<string>, files?: (directory: string) => void) =>
    Effect.gen(function*() {
      const left = yield* Effect.acquireDisposable(Effect.sync(() => makeDirectory()))
      files?.(left.path)
      const to = path.join(left.path, "shot.png")
      const said = yield* says([...words, "-o", to])
      const found = fs.readdirSync(left.path).toSorted()
      return {
        ...said,
        found,
        first: found[0] === undefined ? "" : fs.readFileSync(path.join(left.path, found[0]), "latin1"),
        to
      }
    }).pipe(Effect.scoped)

  it.live("writes what is no text as bytes, numbered if there are several; the text stays on stdout", () =>
    Effect.gen(function*() {
      const one = yield* save(["call", "talk.pictures", "count=1"], (directory) => {
        fs.writeFileSync(path.join(directory, "shot.png"), "what was there")
      })
      assert.deepStrictEqual([one.code, one.out, one.found, one.first.slice(1, 4)], [0, "Here:\n", ["shot.png"], "PNG"])
      assert.include(one.err, `wrote ${one.to} [image/png, 70 bytes]`)
      const two = yield* save(["call", "talk.pictures", "count=2", "--json"])
      assert.deepStrictEqual(two.found, ["shot-1.png", "shot-2.png"])
      const { content } = JSON.parse(two.out)
      assert.deepStrictEqual(content[1], {
        type: "image",
        mimeType: "image/png",
        file: two.to.replace(".png", "-1.png")
      })
      const logo = yield* save(["read", "talk", "doc://logo"])
      assert.deepStrictEqual([logo.out, logo.first.slice(1, 4)], ["", "PNG"])
    }))

  it.live("takes the text where there is nothing else, and - for stdout", () =>
    Effect.gen(function*() {
      const text = yield* save(["read", "talk", "doc://guide"])
      assert.deepStrictEqual([text.out, text.first], ["", "# Guide\n"])
      assert.strictEqual((yield* says(["call", "talk.pictures", "count=1", "-o", "-"])).out.slice(1, 4), "PNG")
    }))

  it.live("is refused before the call where it cannot be written; what is no base64 is no picture", () =>
    Effect.gen(function*() {
      const nowhere = yield* says(["call", "talk.pictures", "count=1", "-o", "none/shot.png"])
      assert.deepStrictEqual([nowhere.code, nowhere.out], [2, ""])
      assert.match(nowhere.err, /-o none\/shot\.png: there is no folder/)
      assert.match((yield* says(["call", "talk.echo", "text=a", "-o", "."])).err, /it is a folder/)
      const broken = yield* save(["call", "talk.broken"])
      assert.deepStrictEqual([broken.code, broken.found], [7, []])
      assert.match(broken.err, /is no base64/)
    }))
})

describe("what a server asks", () => {
  it.live("is refused at once where there is no terminal: 7, the question and its fields", () =>
    Effect.gen(function*() {
      const form = yield* says(["call", "talk.ask"])
      assert.deepStrictEqual([form.code, form.out], [7, ""])
      assert.match(form.err, /talk\.ask asks "Deploy to [^"]*production\?"; there is no terminal to ask on/)
      assert.match(form.err, /^ {2}name +string +required$/m)
      const page = yield* says(["call", "talk.page", "--json"])
      const { error } = decoded(Failed.Output, page.err)
      assert.deepStrictEqual([page.code, error.reason], [7, "QuestionRefused"])
      assert.include(error.message, "https://example.org/consent?id=7")
      const { error: { question } } = JSON.parse(page.err)
      assert.deepStrictEqual(question, { mode: "url", message: "Agree there", url: "https://example.org/consent?id=7" })
      const pages = yield* says(["call", "talk.pages"])
      assert.deepStrictEqual([pages.code, pages.out], [7, ""])
      assert.match(pages.err, /talk\.pages asks "Agree there", at https:/)
    }))

  it.live("is asked on a terminal, field by field, until each fits", () =>
    Effect.gen(function*() {
      const typed = [
        "",
        "A",
        "Ann",
        "no mail",
        "a@example.org",
        "11",
        "",
        "perhaps",
        "yes",
        "9",
        "2",
        "mon, thu",
        "1,wed",
        ""
      ]
      const { code, err, out } = yield* says(["call", "talk.ask"], { typed, isTerminal: true })
      assert.strictEqual(code, 0, err)
      const { action, content } = JSON.parse(out)
      assert.deepStrictEqual([action, content], ["accept", {
        name: "Ann",
        mail: "a@example.org",
        count: 4,
        fast: true,
        size: "l",
        days: ["mon", "wed"],
        pet: "p2"
      }])
      for (
        const said of [
          "a value is required",
          "must be an email address",
          "must be at most 10",
          "1) s, Small",
          "[1 to 2; default \"p2\"]"
        ]
      ) {
        assert.include(err, said)
      }
      assert.notInclude(err, "\u001b[31mproduction")
    }))

  it.live("can be declined, cancelled, or left by the end of the input; a page is named in full", () =>
    Effect.gen(function*() {
      for (
        const [typed, action] of [[["Ann", ".decline"], "decline"], [[".cancel"], "cancel"], [[], "cancel"]] as const
      ) {
        const { out } = yield* says(["call", "talk.ask"], { typed, isTerminal: true })
        assert.deepStrictEqual(JSON.parse(out), { action })
      }
      const sure = yield* says(["call", "talk.sure"], { typed: ["what?", "y"], isTerminal: true })
      assert.deepStrictEqual(JSON.parse(sure.out), { action: "accept", content: {} })
      assert.deepStrictEqual(JSON.parse((yield* says(["call", "talk.sure"], { typed: ["n"], isTerminal: true })).out), {
        action: "decline"
      })
      const page = yield* says(["call", "talk.page"], { typed: [""], isTerminal: true })
      assert.deepStrictEqual(JSON.parse(page.out), { action: "accept" })
      assert.include(page.err, "https://example.org/consent?id=7\n  example.org.")
      const pages = yield* says(["call", "talk.pages"], { typed: [""], isTerminal: true })
      assert.deepStrictEqual([pages.code, pages.out], [0, "visited\n"])
    }))

  it.live("is nothing else: a language model is refused in words, and roots are those of --root", () =>
    Effect.gen(function*() {
      const sample = yield* says(["call", "talk.sample"])
      assert.include(sample.out, "this client does not offer sampling/createMessage")
      assert.include((yield* says(["call", "talk.roots"])).out, "does not offer roots/list")
      const { roots } = JSON.parse((yield* says(["call", "talk.roots", "--root", "."])).out)
      assert.lengthOf(roots, 1)
      assert.match(roots[0].uri, /^file:\/\/\/.*holdfast-cli-/)
    }))
})
