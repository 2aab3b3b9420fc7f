// SPDX-License-Identifier: Apache-2.0
//
// Timelines are compared whenever they were asked; sets of transactions in the order in which they were.
#include "control/history.hpp"

namespace penstock::control {

bool are_foreign(const history& one, const history& other)
{
    return !one.database.empty() && !other.database.empty() && one.database != other.database;
}

lineage lineage_of(const history& newer, const history& older)
{
    if (are_foreign(newer, older)) {
        return lineage::foreign;
    }
    if (newer.timeline != 0 && older.timeline != 0) {
        return newer.timeline > older.timeline   ? lineage::later
               : newer.timeline < older.timeline ? lineage::earlier
                                                 : lineage::apart;  // a promotion would have begun a new one
    }
    if (!newer.executed || !older.executed || newer.executed->has_all_of(*older.executed)) {
        return lineage::unknown;
    }
    return older.executed->has_all_of(*newer.executed) ? lineage::earlier : lineage::apart;
}

}  // namespace penstock::control
