#pragma once

#include <paragon/view/heads.hpp>
#include <paragon/view/paged_kv.hpp>
#include <paragon/view/requests.hpp>
