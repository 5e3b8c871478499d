/*
 * Machines that reactivate: one thread, epoll, raw HTTP/1.1 on connections that are kept. In C, and with requests that
 * were signed before, since a machine that signs and speaks in Node costs as much as the server that is measured.
 *
 *   machines FILE LEAD SECONDS PORT...
 *
 * FILE   lines of "MACHINE BODY": what the machine of that number (from 0) posts, one after the other
 * LEAD   seconds before the rate is taken, until as many are under way as ever will be
 * PORT   of the servers on loopback; each machine asks them in turns, on a connection to each
 *
 * A machine waits for its answer before it asks again. Anything but a license ends the program with exit code 1.
 * Prints one JSON object: answers a second after the lead, what each machine was answered in all, latencies in
 * milliseconds, and the processor time of this program itself.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define MACHINES_MAX 4096
#define SERVERS_MAX 16
#define REPLY_MAX (64 * 1024)

struct machine {
  const char **bodies;
  size_t body_count, body_room, answered;
  double asked_at;
  int sockets[SERVERS_MAX];
  char *reply;
  size_t reply_used;
};

static struct machine machines[MACHINES_MAX];
static int machine_count, server_count, ports[SERVERS_MAX];
static double *latencies;
static size_t latency_count, latency_room;

static void fail(const char *what) {
  fprintf(stderr, "machines: %s%s%s\n", what, errno ? ": " : "", errno ? strerror(errno) : "");
  exit(1);
}

static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec + t.tv_nsec / 1e9;
}

/* Reads the file as a whole and cuts it into lines; the bodies stay where they are. */
static void read_requests(const char *path) {
  int fd = open(path, O_RDONLY);
  struct stat stat;
  if (fd < 0 || fstat(fd, &stat) != 0) fail(path);
  char *text = malloc(stat.st_size + 1);
  for (off_t at = 0; at < stat.st_size;) {
    ssize_t got = read(fd, text + at, stat.st_size - at);
    if (got <= 0) fail(path);
    at += got;
  }
  text[stat.st_size] = 0;
  close(fd);
  for (char *line = strtok(text, "\n"); line != NULL; line = strtok(NULL, "\n")) {
    char *body;
    long number = strtol(line, &body, 10);
    if (number < 0 || number >= MACHINES_MAX || *body != ' ') fail("a line of the file is not MACHINE BODY");
    struct machine *machine = &machines[number];
    if (machine->body_count == machine->body_room) {
      machine->body_room = machine->body_room * 2 + 16;
      machine->bodies = realloc(machine->bodies, machine->body_room * sizeof(char *));
    }
    machine->bodies[machine->body_count++] = body + 1;
    if (number >= machine_count) machine_count = number + 1;
  }
}

static void connect_all(int events) {
  for (int number = 0; number < machine_count; number++) {
    machines[number].reply = malloc(REPLY_MAX + 1);
    for (int server = 0; server < server_count; server++) {
      struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(ports[server])};
      address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
      int fd = socket(AF_INET, SOCK_STREAM, 0), yes = 1;
      if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof address) != 0) fail("no connection");
      setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
      fcntl(fd, F_SETFL, O_NONBLOCK);
      machines[number].sockets[server] = fd;
      struct epoll_event event = {.events = EPOLLIN, .data.u64 = ((uint64_t)number << 32) | server};
      if (epoll_ctl(events, EPOLL_CTL_ADD, fd, &event) != 0) fail("epoll");
    }
  }
}

static void ask(int number) {
  static char request[REPLY_MAX];
  struct machine *machine = &machines[number];
  if (machine->answered == machine->body_count) fail("too few requests were prepared");
  const char *body = machine->bodies[machine->answered];
  int server = (machine->answered + number) % server_count;
  int length = snprintf(request, sizeof request,
                        "POST /v1/reactivations HTTP/1.1\r\nHost: 127.0.0.1:%d\r\n"
                        "Content-Type: application/json\r\nContent-Length: %zu\r\n\r\n%s",
                        ports[server], strlen(body), body);
  machine->asked_at = now();
  if (write(machine->sockets[server], request, length) != length) fail("write");
}

/* 1 where the reply is whole. */
static int is_whole(struct machine *machine) {
  machine->reply[machine->reply_used] = 0;
  char *end = strstr(machine->reply, "\r\n\r\n");
  if (end == NULL) return 0;
  char *length = strcasestr(machine->reply, "\r\ncontent-length:");
  if (length == NULL || length > end) fail("a reply does not say how long it is");
  size_t whole = (end + 4 - machine->reply) + strtoul(length + 17, NULL, 10);
  if (machine->reply_used < whole) return 0;
  if (strncmp(machine->reply, "HTTP/1.1 200 ", 13) != 0 || strstr(end, "\"license\":\"") == NULL) {
    errno = 0;
    fail(machine->reply);
  }
  return 1;
}

static void note_latency(double seconds) {
  if (latency_count == latency_room) {
    latency_room = latency_room * 2 + 1024;
    latencies = realloc(latencies, latency_room * sizeof(double));
  }
  latencies[latency_count++] = seconds * 1e3;
}

static int ascending(const void *left, const void *right) {
  double a = *(const double *)left, b = *(const double *)right;
  return (a > b) - (a < b);
}

static void print(double rate) {
  struct rusage usage;
  getrusage(RUSAGE_SELF, &usage);
  qsort(latencies, latency_count, sizeof(double), ascending);
  double cpu = usage.ru_utime.tv_sec + usage.ru_stime.tv_sec + (usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
  printf("{\"rate\":%f,\"cpuSeconds\":%f,\"p50Ms\":%.2f,\"p99Ms\":%.2f,\"answered\":[", rate, cpu,
         latencies[latency_count / 2], latencies[latency_count * 99 / 100]);
  for (int number = 0; number < machine_count; number++)
    printf("%s%zu", number == 0 ? "" : ",", machines[number].answered);
  printf("]}\n");
}

int main(int argc, char **argv) {
  if (argc < 5 || argc - 4 > SERVERS_MAX) fail("usage: machines FILE LEAD SECONDS PORT...");
  read_requests(argv[1]);
  for (int index = 4; index < argc; index++) ports[server_count++] = atoi(argv[index]);
  int events = epoll_create1(0);
  connect_all(events);
  double seconds = atof(argv[3]), from = now() + atof(argv[2]), until = from + seconds;
  size_t answered = 0;
  int waiting = machine_count;
  for (int number = 0; number < machine_count; number++) ask(number);
  while (waiting > 0) {
    struct epoll_event ready[256];
    int count = epoll_wait(events, ready, 256, 10000);
    if (count == 0) fail("no answer within 10 s");
    for (int index = 0; index < count; index++) {
      int number = ready[index].data.u64 >> 32, server = ready[index].data.u64 & 0xffffffff;
      struct machine *machine = &machines[number];
      size_t room = REPLY_MAX - machine->reply_used;
      ssize_t got = read(machine->sockets[server], machine->reply + machine->reply_used, room);
      if (got < 0 && errno == EAGAIN) continue;
      if (got <= 0) fail("a connection was closed");
      machine->reply_used += got;
      if (!is_whole(machine)) continue;
      double at = now();
      note_latency(at - machine->asked_at);
      if (at >= from && at < until) answered++;
      machine->reply_used = 0;
      machine->answered++;
      if (at < until) ask(number);
      else waiting--;
    }
  }
  print(answered / seconds);
  return 0;
}
