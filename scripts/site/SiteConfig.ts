/** The site, as VitePress is told of it. Its pages are copies of the repository's Markdown, word by word. */
import * as Path from "node:path"
import { defineConfig } from "vitepress"
import { pageFiles, repository, root, routeOf, sections, staged } from "./Pages.ts"
import { install, slugify } from "./SiteMarkdown.ts"

const forge = repository()
const pages = pageFiles()
const all = sections()

export default defineConfig({
  title: "Holdfast",
  description: "Connections to MCP servers that hold",
  lang: "en",
  srcDir: staged,
  outDir: process.env["HOLDFAST_SITE_OUT"] ?? Path.join(root, "dist/site"),
  cacheDir: Path.join(root, ".tmp/site-cache"),
  ignoreDeadLinks: false,
  // A button of it would fetch nothing, and the meta tag of its version tells nothing.
  metaChunk: false,
  markdown: {
    anchor: { slugify },
    config: (markdown) => install(markdown, pages),
    languageAlias: { haproxy: "nginx" },
    theme: { light: "github-light-high-contrast", dark: "github-dark-high-contrast" }
  },
  // This workspace's settings of TypeScript are newer than the generator.
  vite: { esbuild: { tsconfigRaw: "{}" } },
  themeConfig: {
    nav: [
      { text: "Start", link: "/docs/start/index.html" },
      { text: "Errors", link: "/docs/errors/index.html" },
      { text: "FAQ", link: "/docs/faq.html" },
      { text: "API", link: "/api/index.html", target: "_self" }
    ],
    // Pages of single errors are found by their index and by the search.
    sidebar: all.filter(({ title }) => title !== "Errors").map(({ pages, title }) => ({
      text: title,
      items: pages.map(({ file, title }) => ({ text: title, link: `/${routeOf(file)}` }))
    })),
    outline: [2, 3],
    search: {
      provider: "local",
      options: { detailedView: false, miniSearch: { searchOptions: { boost: { title: 4, titles: 2, text: 1 } } } }
    },
    ...(forge !== undefined && {
      editLink: {
        // It is written into the pages: it knows nothing of what is around it.
        pattern: `${forge}/edit/main/:path`,
        text: "Edit this page"
      }
    })
  }
})
