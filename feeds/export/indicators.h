/*
 * indicators.h - released attributes as indicators: the records that subscriptions keep (node/subs), and
 * each format of feeds/sensor as a return format of searches. Inside of feeds/export, but for the frame.
 */
#pragma once

#include "feeds/export/export.h"
#include "feeds/sensor/sensor.h"

#define FORMAT(ident, ...) extern const struct exporter export_as_##ident;
#include "feeds/sensor/formats.inc"
#undef FORMAT
