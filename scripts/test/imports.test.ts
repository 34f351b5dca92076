import { assert, describe, it } from "@effect/vitest"
import * as Fs from "node:fs"
import * as Os from "node:os"
import * as Path from "node:path"
import { type ImportDirection, importDirections } from "../imports/ImportDirections.ts"
import { checkImports } from "../imports/ImportRules.ts"

/** Checks a workspace made of exactly these files, against the real map unless told otherwise. */
const check = (
  files: Readonly<Record<string, string>>,
  directions: ReadonlyArray<ImportDirection> = importDirections
): ReadonlyArray<string> => {
  const root = Fs.mkdtempSync(Path.join(Os.tmpdir(), "imports-"))
  try {
    for (const [path, text] of Object.entries(files)) {
      Fs.mkdirSync(Path.dirname(Path.join(root, path)), { recursive: true })
      Fs.writeFileSync(Path.join(root, path), text)
    }
    return checkImports(root, directions).violations.map(({ message, place }) => `${place} ${message}`)
  } finally {
    Fs.rmSync(root, { recursive: true })
  }
}

const mcpManifest = JSON.stringify({
  dependencies: { "@holdfast/core": "*", "@holdfast/server": "*", "@modelcontextprotocol/sdk": "*" },
  devDependencies: { "@holdfast/testkit": "*", vitest: "*" },
  peerDependencies: { effect: "*" }
})

describe("import directions", () => {
  it("allow what the map allows", () => {
    assert.deepStrictEqual(
      check({
        "packages/mcp/package.json": mcpManifest,
        "packages/mcp/src/A.ts": "import * as Effect from \"effect/Effect\"\nimport { B } from \"./B.ts\"\n",
        "packages/mcp/src/B.ts": "export { Pool } from \"@holdfast/core/Pool\"\nimport * as Path from \"node:path\"\n",
        "packages/mcp/src/internal/sdk/types.ts": "import type { Tool } from \"@modelcontextprotocol/sdk/types.js\"\n",
        "packages/mcp/test/A.test.ts":
          "import { it } from \"vitest\"\nimport * as A from \"../src/A.ts\"\nimport { seed } from \"@holdfast/testkit\"\n" +
          "import { Client } from \"@modelcontextprotocol/sdk/client\"\nimport { Link } from \"@holdfast/mcp/testing\"\n"
      }),
      []
    )
  })

  it("hold for what a name of the package's own `imports` stands for, under every condition", () => {
    const manifest = JSON.stringify({
      dependencies: { "@holdfast/server": "*", parser: "*" },
      imports: {
        "#parser": { module: "parser/esm.js", default: "parser" },
        "#host": "@holdfast/server/Host",
        "#other": "other"
      }
    })
    const source = (name: string) => ({
      "packages/mcp/package.json": manifest,
      "packages/mcp/src/A.ts": `import "#${name}"\n`
    })
    assert.deepStrictEqual(check(source("parser")), [])
    assert.include(check(source("host")).join(), "\"@holdfast/server/Host\": sources of packages/mcp may import")
    assert.include(check(source("other")).join(), "other is not among the dependencies")
    assert.include(check(source("none")).join(), "\"#none\" is not among the imports of packages/mcp/package.json")
  })

  const planted: ReadonlyArray<readonly [promise: string, path: string, text: string, expected: string]> = [
    [
      "fail on an import against them",
      "packages/mcp/src/A.ts",
      "\nimport { Host } from \"@holdfast/server/Host\"\n",
      "packages/mcp/src/A.ts:2 \"@holdfast/server/Host\": sources of packages/mcp may import packages/core"
    ],
    [
      "fail on a re-export and on a dynamic import against them",
      "packages/mcp/src/A.ts",
      "export * from \"@holdfast/server/Host\"\nexport const load = () => import(\"@holdfast/server\")\n",
      "packages/mcp/src/A.ts:2 \"@holdfast/server\": sources of packages/mcp may import"
    ],
    [
      "fail on a type import against them: types bind as well",
      "packages/mcp/src/A.ts",
      "export type Host = import(\"@holdfast/server/Host\").Host\n",
      "packages/mcp/src/A.ts:1 \"@holdfast/server/Host\": sources"
    ],
    [
      "let tests import the testkit and sources not",
      "packages/mcp/src/A.ts",
      "import { seed } from \"@holdfast/testkit\"\n",
      "packages/mcp/src/A.ts:1 \"@holdfast/testkit\": sources of packages/mcp may import"
    ],
    [
      "hold for tests too",
      "packages/mcp/test/A.test.ts",
      "import { Host } from \"@holdfast/server/Host\"\n",
      "packages/mcp/test/A.test.ts:1 \"@holdfast/server/Host\": tests of packages/mcp may import"
    ],
    [
      "fail on a relative path that leaves the package",
      "packages/mcp/test/A.test.ts",
      "import { Pool } from \"../../core/src/Pool.ts\"\n",
      "packages/mcp/test/A.test.ts:1 \"../../core/src/Pool.ts\" leaves packages/mcp"
    ],
    [
      "fail on another package's internals",
      "packages/mcp/test/A.test.ts",
      "import { machine } from \"@holdfast/core/internal/machine\"\n",
      "packages/mcp/test/A.test.ts:1 \"@holdfast/core/internal/machine\" is private to packages/core"
    ],
    [
      "fail on the SDK outside internal/sdk",
      "packages/mcp/src/A.ts",
      "import { Client } from \"@modelcontextprotocol/sdk/client\"\n",
      "packages/mcp/src/A.ts:1 \"@modelcontextprotocol/sdk/client\": the SDK is imported in src/internal/sdk/ only"
    ],
    [
      "fail on sources that import what is not shipped with them",
      "packages/mcp/src/A.ts",
      "import { it } from \"vitest\"\n",
      "packages/mcp/src/A.ts:1 \"vitest\": vitest is not among the dependencies or peerDependencies of packages/mcp"
    ],
    [
      "fail on a package that is not on the map",
      "packages/mcp/src/A.ts",
      "import { x } from \"@holdfast/unheard\"\n",
      "packages/mcp/src/A.ts:1 \"@holdfast/unheard\" is not on the map"
    ],
    [
      "fail on sources that import their own package by name",
      "packages/mcp/src/A.ts",
      "import { B } from \"@holdfast/mcp/B\"\n",
      "packages/mcp/src/A.ts:1 \"@holdfast/mcp/B\": sources import their own package by relative path"
    ]
  ]

  for (const [promise, path, text, expected] of planted) {
    it(promise, () => {
      const found = check({ "packages/mcp/package.json": mcpManifest, [path]: text })
      assert.isTrue(found.some((line) => line.startsWith(expected)), `found only ${JSON.stringify(found)}`)
    })
  }

  it("give an entry of its own rights that the rest of the package has not", () => {
    const found = check({
      "packages/jobs/package.json": JSON.stringify({ dependencies: { "@holdfast/server": "*" } }),
      "packages/jobs/src/mcp.ts": "import { Host } from \"@holdfast/server/Host\"\n",
      "packages/jobs/src/Job.ts": "import { Host } from \"@holdfast/server/Host\"\n"
    })
    assert.lengthOf(found, 1)
    assert.match(found[0] ?? "", /^packages\/jobs\/src\/Job\.ts:1/)
  })

  it("fail on a folder that is not on the map", () => {
    assert.deepStrictEqual(check({ "packages/stray/package.json": "{}" }), [
      "packages/stray is not on the map: add it to ImportDirections.ts"
    ])
  })
})

describe("import cycles", () => {
  it("are found between files of a package, however long", () => {
    const found = check({
      "packages/core/src/A.ts": "import { b } from \"./B.ts\"\n",
      "packages/core/src/B.ts": "export { c } from \"./internal/c.ts\"\n",
      "packages/core/src/internal/c.ts": "import * as A from \"../A.ts\"\n",
      "packages/core/src/D.ts": "import { a } from \"./A.ts\"\n"
    })
    assert.deepStrictEqual(found, [
      "packages/core/src/A.ts import cycle: src/A.ts → src/B.ts → src/internal/c.ts → src/A.ts"
    ])
  })

  it("are found in a file that imports itself", () => {
    assert.lengthOf(check({ "packages/core/src/A.ts": "import { a } from \"./A.ts\"\n" }), 1)
  })

  it("are found where the imports are of types alone", () => {
    assert.deepStrictEqual(
      check({
        "packages/core/src/A.ts": "import { b } from \"./B.ts\"\n",
        "packages/core/src/B.ts": "import type { A } from \"./A.ts\"\nimport { type C } from \"./A.ts\"\n"
      }),
      ["packages/core/src/A.ts import cycle: src/A.ts → src/B.ts → src/A.ts"]
    )
  })

  it("are not made of comments and strings", () => {
    assert.deepStrictEqual(
      check({
        "packages/core/src/A.ts": "import { b } from \"./B.ts\"\n",
        "packages/core/src/B.ts": "// import { a } from \"./A.ts\"\nexport const b = 'import { a } from \"./A.ts\"'\n"
      }),
      []
    )
  })
})
