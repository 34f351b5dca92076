import { assert, describe, it } from "@effect/vitest"
import * as Result from "effect/Result"
import * as WindowsCommand from "../src/internal/WindowsCommand.ts"
import * as WindowsShim from "../src/internal/WindowsShim.ts"

const lines = (...text: ReadonlyArray<string>): string => text.join("\r\n")

/** `npx.cmd` as the installer of Node 24 puts it beside node.exe. */
const npx = lines(
  ":: Created by npm, please don't edit manually.",
  "@ECHO OFF",
  "",
  "SETLOCAL",
  "",
  "SET \"NODE_EXE=%~dp0\\node.exe\"",
  "IF NOT EXIST \"%NODE_EXE%\" (",
  "  SET \"NODE_EXE=node\"",
  ")",
  "",
  "SET \"NPM_PREFIX_JS=%~dp0\\node_modules\\npm\\bin\\npm-prefix.js\"",
  "SET \"NPX_CLI_JS=%~dp0\\node_modules\\npm\\bin\\npx-cli.js\"",
  "FOR /F \"delims=\" %%F IN ('CALL \"%NODE_EXE%\" \"%NPM_PREFIX_JS%\"') DO (",
  "  SET \"NPM_PREFIX_NPX_CLI_JS=%%F\\node_modules\\npm\\bin\\npx-cli.js\"",
  ")",
  "IF EXIST \"%NPM_PREFIX_NPX_CLI_JS%\" (",
  "  SET \"NPX_CLI_JS=%NPM_PREFIX_NPX_CLI_JS%\"",
  ")",
  "",
  "\"%NODE_EXE%\" \"%NPX_CLI_JS%\" %*",
  ""
)

/** What npm 7 and later write for a bin (cmd-shim 6). */
const npmShim = (target: string, flags = ""): string =>
  lines(
    "@ECHO off",
    "GOTO start",
    ":find_dp0",
    "SET dp0=%~dp0",
    "EXIT /b",
    ":start",
    "SETLOCAL",
    "CALL :find_dp0",
    "",
    "IF EXIST \"%dp0%\\node.exe\" (",
    "  SET \"_prog=%dp0%\\node.exe\"",
    ") ELSE (",
    "  SET \"_prog=node\"",
    "  SET PATHEXT=%PATHEXT:;.JS;=;%",
    ")",
    "",
    `endLocal & goto #_undefined_# 2>NUL || title %COMSPEC% & "%_prog%" ${flags} "%dp0%\\${target}" %*`,
    ""
  )

/** What pnpm writes. */
const pnpmShim = lines(
  "@SETLOCAL",
  "@IF NOT DEFINED NODE_PATH (",
  "  @SET \"NODE_PATH=C:\\p\\node_modules\\.pnpm\\node_modules\"",
  ") ELSE (",
  "  @SET \"NODE_PATH=C:\\p\\node_modules\\.pnpm\\node_modules;%NODE_PATH%\"",
  ")",
  "@IF EXIST \"%~dp0\\node.exe\" (",
  "  \"%~dp0\\node.exe\"  \"%~dp0\\..\\server\\cli.js\" %*",
  ") ELSE (",
  "  @SET PATHEXT=%PATHEXT:;.JS;=;%",
  "  node  \"%~dp0\\..\\server\\cli.js\" %*",
  ")"
)

const view = (files: Readonly<Record<string, string>>): WindowsCommand.View => {
  const byName = new Map(Object.entries(files).map(([name, text]) => [name.toLowerCase(), text]))
  return { isFile: (file) => byName.has(file.toLowerCase()), read: (file) => byName.get(file.toLowerCase()) }
}

const machine: Readonly<Record<string, string>> = {
  "C:\\node\\node.exe": "",
  "C:\\node\\npx.cmd": npx,
  "C:\\node\\node_modules\\npm\\bin\\npx-cli.js": "",
  "C:\\tools\\uvx.exe": "",
  "C:\\tools\\server.cmd": npmShim("node_modules\\server\\cli.js", "--no-warnings"),
  "C:\\tools\\node_modules\\server\\cli.js": "",
  "C:\\p\\node_modules\\.bin\\server.cmd": pnpmShim,
  "C:\\p\\node_modules\\server\\cli.js": "",
  "C:\\tools\\own.cmd": lines("@echo off", "set SECRET=1", "node \"%~dp0\\x.js\" %*"),
  "C:\\tools\\broken.cmd": npmShim("node_modules\\gone\\cli.js"),
  "C:\\tools\\script.js": "",
  "C:\\p\\npx.cmd": lines("@echo off", "del /q C:\\")
}

const resolve = (command: string, args: ReadonlyArray<string> = [], env: Readonly<Record<string, string>> = {}) =>
  WindowsCommand.resolve(
    { command, args, cwd: "C:\\p", env: { Path: "C:\\node;\"C:\\tools\"", ...env } },
    view(machine)
  )

const started = (result: ReturnType<typeof resolve>) => {
  assert(Result.isSuccess(result))
  return [result.success.command, ...result.success.args]
}

const refusal = (result: ReturnType<typeof resolve>) => {
  assert(Result.isFailure(result))
  return result.failure
}

describe("a command on Windows", () => {
  it("npx is the node and the script that came with it, not a shell, and not one that lies in the working directory", () => {
    assert.deepStrictEqual(started(resolve("npx", ["-y", "server"])), [
      "C:\\node\\node.exe",
      "C:\\node\\node_modules\\npm\\bin\\npx-cli.js",
      "-y",
      "server"
    ])
  })

  it("a program is started as it is, found by PATH and PATHEXT or by its path", () => {
    assert.deepStrictEqual(started(resolve("uvx", ["x"])), ["C:\\tools\\uvx.exe", "x"])
    assert.deepStrictEqual(started(resolve("UVX.EXE")), ["C:\\tools\\UVX.EXE"])
    assert.deepStrictEqual(started(resolve("..\\tools\\uvx")), ["C:\\tools\\uvx.exe"])
  })

  it("shims of npm and pnpm are read: flags, script, NODE_PATH", () => {
    assert.deepStrictEqual(started(resolve("server", ["a"])), [
      "C:\\node\\node.exe",
      "--no-warnings",
      "C:\\tools\\node_modules\\server\\cli.js",
      "a"
    ])
    const local = resolve("node_modules\\.bin\\server.cmd")
    assert.deepStrictEqual(started(local), ["C:\\node\\node.exe", "C:\\p\\node_modules\\server\\cli.js"])
    assert.strictEqual(Result.getOrThrow(local).env["NODE_PATH"], "C:\\p\\node_modules\\.pnpm\\node_modules")
  })

  it("a batch file that does anything else is refused with what to do", () => {
    const refused = refusal(resolve("own"))
    assert.strictEqual(refused._tag, "NotExecutable")
    assert.match(refused.message, /C:\\tools\\own\.cmd is a batch file.*Name the program it starts/)
    assert.match(refusal(resolve("broken")).message, /points to .*gone\\cli\.js, which does not exist/)
    assert.match(refusal(resolve("C:\\tools\\script.js")).message, /Make its interpreter the command/)
  })

  it("what is not there is said with where it was sought; the working directory is not searched", () => {
    const missing = refusal(resolve("nothing"))
    assert.deepInclude(missing, { _tag: "CommandNotFound", searched: ["C:\\node", "C:\\tools"] })
    const withoutNode = WindowsCommand.resolve(
      { command: "server", args: [], cwd: "C:\\p", env: { PATH: "C:\\tools" } },
      view(machine)
    )
    assert.deepInclude(refusal(withoutNode), { _tag: "CommandNotFound", command: "node" })
    const onlyHere = WindowsCommand.resolve({ command: "npx", args: [], cwd: "C:\\p", env: {} }, view(machine))
    assert.strictEqual(refusal(onlyHere)._tag, "CommandNotFound")
  })

  it("arguments reach the program as they are, whatever is in them", () => {
    const nasty = ["%PATH%", "\"&calc&\"", "^", "a\nb", "| x", "", " ", "%*", "\\\"", "!x!", "(", "ä"]
    for (const command of ["npx", "uvx", "server"]) {
      for (const first of nasty) {
        const args = [first, ...nasty]
        assert.deepStrictEqual(started(resolve(command, args)).slice(-args.length), args)
      }
    }
  })
})

describe("a shim", () => {
  it("with one line that is not known is none", () => {
    for (const text of [npx, npmShim("a.js"), pnpmShim]) {
      assert.isDefined(WindowsShim.read(text))
      const all = text.split("\r\n")
      for (let at = 0; at <= all.length; at++) {
        assert.isUndefined(WindowsShim.read([...all.slice(0, at), "call evil.cmd", ...all.slice(at)].join("\r\n")))
      }
    }
  })

  it("that starts different scripts is none", () => {
    const two = pnpmShim.replace("node  \"%~dp0\\..\\server\\cli.js\"", "node  \"%~dp0\\..\\other\\cli.js\"")
    assert.isUndefined(WindowsShim.read(two))
  })
})
