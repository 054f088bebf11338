# An image of Cube, made from a clone: "npm run build && docker build -t cube ." It holds what the
# clone has built and installed, less what only development needs, and asks no registry but for its
# base. docs/operations.md says how it is run.
ARG BASE=node:24-slim

FROM ${BASE} AS app
WORKDIR /opt/cube
# As .dockerignore has it: what was built, and what was installed.
COPY . .
# The lock file tells which packages only development needs.
RUN node -e "\
  const { packages } = JSON.parse(fs.readFileSync('package-lock.json', 'utf8'));\
  const unneeded = Object.keys(packages).filter((path) => packages[path].dev);\
  for (const path of unneeded) fs.rmSync(path, { recursive: true, force: true });"

FROM ${BASE}
COPY --from=app /opt/cube /opt/cube
# The data, for the user "cube" alone. Nothing in the image needs root; a worker that is to use the
# Docker Engine of the machine needs the group of its socket: docker run --group-add.
RUN echo 'cube:x:5555:5555:Cube:/var/lib/cube:/bin/sh' >> /etc/passwd \
  && echo 'cube:x:5555:' >> /etc/group \
  && mkdir -p /var/lib/cube /usr/local/bin \
  && chown 5555:5555 /var/lib/cube \
  && chmod 0700 /var/lib/cube \
  && ln -s /opt/cube/bin/cube.js /usr/local/bin/cube
USER 5555:5555
ENV CUBE_DATA_DIR=/var/lib/cube
VOLUME /var/lib/cube
STOPSIGNAL SIGTERM
# The manager answers for itself; a worker alone is asked where there is none. Other ports than the
# usual ones are named by CUBE_MANAGER_PORT and CUBE_WORKER_PORT rather than by flags.
HEALTHCHECK --interval=10s --timeout=5s --start-period=20s CMD ["node", "-e", "\
  const { CUBE_MANAGER_PORT: manager = 5555, CUBE_WORKER_PORT: worker = 5556 } = process.env;\
  const ask = (port) => fetch(`http://127.0.0.1:${port}/healthz`);\
  ask(manager).catch(() => ask(worker)).then(({ ok }) => process.exit(ok ? 0 : 1), () => process.exit(1));"]
ENTRYPOINT ["node", "/opt/cube/bin/cube.js"]
CMD ["up"]
