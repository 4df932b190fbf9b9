/* The steps of scenarios, as scenarios.py writes them: a line each, of fields. */
#ifndef STEPS_H
#define STEPS_H

#include "check.h"

enum { FIELDS = 16, ITEMS = 64, LINE = 4096 };

typedef struct {
    const char *key, *value;
} Field;

static Field fields[FIELDS];

static inline const char *find(const char *key) {
    for (int i = 0; i < FIELDS && fields[i].key != NULL; i++) {
        if (strcmp(fields[i].key, key) == 0) {
            return fields[i].value;
        }
    }
    return NULL;
}

static inline const char *field(const char *key) {
    const char *value = find(key);
    if (value == NULL) {
        fprintf(stderr, "the step has no %s\n", key);
        abort();
    }
    return value;
}

static inline int64_t field_number(const char *key) {
    const char *value = find(key);
    return value == NULL ? 0 : strtoll(value, NULL, 10);
}

/* The items of a list; their text lives until the next step. */
static inline size_t split(const char *list, const char *items[ITEMS]) {
    static char memory[8][LINE];
    static int turn;
    char *text = strcpy(memory[turn++ % 8], list);
    size_t count = 0;
    for (char *item = strtok(text, ","); item != NULL; item = strtok(NULL, ",")) {
        CHECK(count < ITEMS);
        items[count++] = item;
    }
    return count;
}

/* Takes the fields of a line, which has to live as long as they do. */
static inline void read_step(char *line) {
    line[strcspn(line, "\n")] = 0;
    memset(fields, 0, sizeof fields);
    int count = 0;
    for (char *part = line, *next; part != NULL; part = next) {
        next = strchr(part, '\t');
        if (next != NULL) {
            *next++ = 0;
        }
        char *equals = strchr(part, '=');
        CHECK(equals != NULL && count < FIELDS);
        *equals = 0;
        fields[count++] = (Field){part, equals + 1};
    }
}

#endif
