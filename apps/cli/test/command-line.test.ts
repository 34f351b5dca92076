import { assert, describe, it } from "@effect/vitest"
import * as Result from "effect/Result"
import * as CommandLine from "../src/CommandLine.ts"
import { quoted } from "../src/Quoted.ts"
import { bytesOf } from "../src/SaveOutput.ts"
import { wordsOf } from "../src/Waiting.ts"

describe("a command line in one word", () => {
  it("is taken apart as a shell does it, without its variables and patterns", () => {
    const cases: ReadonlyArray<readonly [string, readonly [string, ...Array<string>]]> = [
      ["npx -y server", ["npx", "-y", "server"]],
      ["  a \t b\n", ["a", "b"]],
      [`a 'b c' "d e"`, ["a", "b c", "d e"]],
      [`a b'c'"d"e`, ["a", "bcde"]],
      [`a "" ''`, ["a", "", ""]],
      [`a\\ b "\\"c\\" \\d" '\\e'`, ["a b", "\"c\" \\d", "\\e"]],
      ["a $HOME *.ts ~", ["a", "$HOME", "*.ts", "~"]]
    ]
    for (const [text, words] of cases) assert.deepStrictEqual(Result.getOrThrow(CommandLine.split(text)), words, text)
    for (const text of ["", " ", "''", "a 'b", "a \"b"]) assert.isTrue(Result.isFailure(CommandLine.split(text)), text)
  })

  it("is read back as it was quoted", () => {
    for (const word of ["a", "", "a b", "it's", "$x", "a=b", "\"", "\\", "x:=[1]"]) {
      assert.deepStrictEqual(Result.getOrThrow(CommandLine.split(`x ${quoted(word)}`)), ["x", word], word)
    }
  })
})

describe("base64", () => {
  it("is read in both alphabets, with and without its padding; anything else is none", () => {
    for (const text of ["+/8=", "-_8=", "+/8", " +/\n8= "]) {
      assert.deepStrictEqual([...bytesOf(text) ?? []], [251, 255], text)
    }
    assert.strictEqual(bytesOf("")?.length, 0)
    for (const text of ["a", "a b!", "ab=c", "abcde"]) assert.isUndefined(bytesOf(text), text)
  })
})

describe("how far a call is", () => {
  it("is a bar where its end is known, else what the server says, or the number", () => {
    assert.strictEqual(wordsOf({ progress: 1, total: 4, message: "copying" }), `[#####${" ".repeat(15)}] 25 % copying`)
    assert.strictEqual(wordsOf({ progress: 9, total: 4 }), `[${"#".repeat(20)}] 100 %`)
    assert.strictEqual(wordsOf({ progress: 3, message: "copying" }), "copying")
    assert.strictEqual(wordsOf({ progress: 3 }), "3")
    assert.strictEqual(wordsOf({ progress: 3, total: 0 }), "3")
  })
})
