# Bulla with a Postgres elsewhere: set DATABASE_URL, MASTER_KEY and PUBLIC_URL. Runs as `node`, on a read-only file system.

FROM node:24-bookworm-slim AS build
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
RUN npm ci --omit=optional
COPY . .
RUN npm run -s build && rm -f dist/.tsbuildinfo dist/scripts/.tsbuildinfo

FROM node:24-bookworm-slim AS dependencies
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
# Optional is the embedded Postgres; peers are Prisma's command line and a compiler.
RUN npm ci --omit=dev --omit=optional --omit=peer
# Prisma brings what it needs for every database it knows, in several forms, and takes one of these: 70 MB that nothing reads.
RUN find node_modules/@prisma/client/runtime -name 'query_compiler_*' ! -name 'query_compiler_small_bg.postgresql.*' -delete

FROM node:24-bookworm-slim
ENV NODE_ENV=production HOST=0.0.0.0 PORT=3000
WORKDIR /app
COPY --from=dependencies /app/node_modules node_modules
COPY --from=build /app/dist dist
COPY package.json ./
# For `npm run admin`, which builds what changed: here it finds no compiler and leaves things as they are.
COPY scripts/build.mjs scripts/
COPY prisma/migrations prisma/migrations
USER node
EXPOSE 3000
HEALTHCHECK --interval=10s --timeout=3s --start-period=30s --retries=3 \
  CMD ["node", "-e", "fetch(`http://127.0.0.1:${process.env.PORT}/health/live`).then(({ ok }) => process.exit(ok ? 0 : 1), () => process.exit(1))"]
CMD ["node", "dist/main.js"]
