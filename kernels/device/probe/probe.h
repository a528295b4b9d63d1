#ifndef FB_PROBE_H
#define FB_PROBE_H

enum { FB_PROBE_TEXT = 256 };

typedef struct {
  int library, code, devices, driver;
  char text[FB_PROBE_TEXT];
} fb_probe;

void fb_probe_cards(fb_probe *p);

#endif
