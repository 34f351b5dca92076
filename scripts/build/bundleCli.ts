/**
 * The executable `holdfast` as one file: the words that are to be fast, and the shim, with all that they load. The whole program stays beside it in
 * modules of its own, and is loaded when it is needed.
 *
 * CommonJS, because Node starts a module of ECMAScript a tenth slower.
 */
import * as Path from "node:path"
import { rolldown } from "rolldown"

/** What is loaded from elsewhere, by the source that it is: the daemon's own files are beside each other, and not in a bundle. */
export const outside: ReadonlyMap<string, string> = new Map([
  ["apps/cli/src/internal/nodeMain.ts", "./internal/nodeMain.js"],
  ["apps/cli/src/hot/unwritable.ts", "./hot/unwritable.js"],
  ["apps/cli/src/hot/toolsMain.ts", "./tools.cjs"],
  ["apps/cli/src/internal/shimMain.ts", "./shim.cjs"],
  ["apps/cli/src/hot/completionMain.ts", "./completion.cjs"],
  ["packages/daemon/src/DaemonStart.ts", "@holdfast/daemon/DaemonStart"]
])

/** By the names of the bundles: what is in them. The first is part of every shim, which is to be small. */
export const bundles = {
  holdfast: "apps/cli/src/main.ts",
  tools: "apps/cli/src/hot/toolsMain.ts",
  shim: "apps/cli/src/internal/shimMain.ts",
  completion: "apps/cli/src/hot/completionMain.ts"
}

/** `root`: of the workspace; `folder`: for the files. Returns their paths. */
export const bundleCli = (root: string, folder = Path.join(root, "apps/cli/dist")): Promise<ReadonlyArray<string>> =>
  Promise.all(
    Object.entries(bundles).map(async ([name, input]) => {
      const bundle = await rolldown({
        input: Path.join(root, input),
        platform: "node",
        // Everything that is bundled is ours.
        external: (id) => !/^[./]|^@holdfast\//.test(id),
        plugins: [{
          name: "outside",
          async resolveId(id, importer, { kind }) {
            if (kind !== "dynamic-import") return undefined
            const resolved = await this.resolve(id, importer, { kind, skipSelf: true })
            const target = resolved && outside.get(Path.relative(root, resolved.id))
            return target ? { id: target, external: true } : undefined
          },
          renderChunk: (code) => withoutImports(withoutCopies(code))
        }]
      })
      const file = Path.join(folder, `${name}.cjs`)
      const { output } = await bundle.write({ file, format: "cjs", codeSplitting: false, minify: withoutComments })
      await bundle.close()
      const foreign = output.flatMap((chunk) => chunk.type === "chunk" ? chunk.moduleIds : []).filter(isForeign)
      // Its license would have to be shipped with it.
      if (foreign.length > 0) throw new Error(`${name}.cjs holds what is not ours: ${foreign.join(", ")}`)
      return file
    })
  )

const isForeign = (id: string): boolean => id.includes("/node_modules/")

/** What is not there need not be read at every start. Names stay, for stacks. */
export const withoutComments = { compress: false, mangle: false, codegen: { removeWhitespace: true } } as const

/** Of each module of Node a copy is made, as if it could be one that was ECMAScript once: that takes longer than to load most of them. */
const withoutCopies = (code: string): string =>
  code.replaceAll(
    /\b(node_\w+)\s*=\s*__toESM\(\1,\s*1\);/g,
    (_, name: string) => code.includes(`${name}.default`) ? `${name} = { default: ${name} };` : ""
  )

/** What is CommonJS, too, is required: to import it would load Node's whole loader of ECMAScript, half a megabyte of a shim. */
const withoutImports = (code: string): string =>
  code.replaceAll(/\bimport\((["'`]\.\/\w+\.cjs["'`])\)/g, "Promise.resolve().then(() => require($1))")
