/** What a Dockerfile has to say, without a builder. */
import { assert, describe, it } from "@effect/vitest"
import { DockerfileParser } from "dockerfile-ast"
import { validate } from "dockerfile-utils"
import * as Fs from "node:fs"
import * as Path from "node:path"
import { repositoryUrl } from "../packaging/Stamp.ts"

const root = Path.resolve(import.meta.dirname, "../..")
const files = Fs.globSync("{packages,apps}/*/Dockerfile", { cwd: root })
const read = (file: string): string => Fs.readFileSync(Path.join(root, file), "utf8")

describe("each Dockerfile", () => {
  it("is there for the daemon and for the scan server", () => {
    assert.deepStrictEqual(files.toSorted(), ["apps/cli/Dockerfile", "apps/scan-server/Dockerfile"])
  })

  it("satisfies the linter", () => {
    assert.deepStrictEqual(
      files.flatMap((file) => validate(read(file)).map(({ message }) => `${file}: ${message}`)),
      []
    )
  })

  it("begins with exact images, ends as a user without rights, and says what is healthy and how it ends", () => {
    for (const file of files) {
      const instructions = DockerfileParser.parse(read(file)).getInstructions()
      const said = (keyword: string): ReadonlyArray<string> =>
        instructions.filter((one) => one.getKeyword() === keyword).map((one) => one.getArgumentsContent() ?? "")
      for (const image of said("FROM")) {
        assert.match(image, /^docker\.io\/library\/node:\d+\.\d+\.\d+-\S+( AS installed)?$/, file)
      }
      assert.deepStrictEqual(said("USER"), ["1000:1000"], file)
      assert.deepStrictEqual(said("STOPSIGNAL"), ["SIGTERM"], file)
      assert.match(said("HEALTHCHECK").join(), /CMD \[/, file)
      // A list of words: no shell in between, which would keep signals to itself.
      assert.match(said("ENTRYPOINT").join(), /^\[/, file)
    }
  })

  it("says of the image what it is, its license, and where its sources and its document are", () => {
    for (const file of files) {
      const labels = read(file)
      for (const name of ["title", "description", "licenses"]) {
        assert.match(labels, new RegExp(`org\\.opencontainers\\.image\\.${name}="[^"]+"`), file)
      }
      assert.include(labels, `image.source="${repositoryUrl()}"`, file)
      assert.include(labels, `image.documentation="${repositoryUrl()}/blob/main/docs/containers.md"`, file)
    }
  })

  it("is given no more of its folder than it copies", () => {
    for (const file of files) {
      const copied = [...read(file).matchAll(/^COPY (?!--from)(\S+)/gm)].map(([, name = ""]) => `!${name}`)
      const [all, ...given] = read(Path.join(Path.dirname(file), ".dockerignore")).trim().split("\n")
      assert.strictEqual(all, "*", file)
      assert.deepStrictEqual(given, copied, file)
    }
  })

  it("has the Node that this repository is built with", () => {
    // The shape is npm's; only the version is read.
    const { devDependencies } = JSON.parse(read("package.json")) as {
      readonly devDependencies: { readonly node: string }
    }
    for (const file of files) assert.include(read(file), `node:${devDependencies.node}-`, file)
  })
})

describe("the init of the daemon's image", () => {
  it("is the one of docs/platforms.md", () => {
    const lines = (text: string): ReadonlyArray<string> =>
      text.split("\n").filter((line) => line !== "" && !line.startsWith("#"))
    const shown = /```sh\n([\s\S]*?)```/.exec(read("docs/platforms.md"))?.[1] ?? ""
    assert.deepStrictEqual(lines(read("apps/cli/container-init.sh")), lines(shown))
  })
})
