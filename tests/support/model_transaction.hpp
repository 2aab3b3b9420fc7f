// SPDX-License-Identifier: Apache-2.0
//
// The transaction of a model server, explicit or implicit, and what lives and dies with it: settings and portals.
#pragma once

#include "tests/support/model_settings.hpp"
#include "tests/support/model_sql.hpp"

#include <map>
#include <string>
#include <utility>

namespace penstock::test {

/// Thrown where a server refuses.
struct model_refusal {
    std::string sqlstate;
};
/// A statement bound to values.
struct model_portal {
    std::string text;
    std::string values;
    std::size_t rows_sent = 0;
    bool done = false;
};
class model_transaction {
public:
    explicit model_transaction(model_settings::values defaults) : settings{std::move(defaults)} {}

    void begin_implicit()
    {
        if (status == 'I' && !implicit_) {
            implicit_ = true;
            failed = false;
            settings.begin();
        }
    }

    void end_implicit(bool well)
    {
        if (implicit_ && status == 'I') {
            end_transaction(well && !failed);
        }
        implicit_ = false;
        failed = false;
    }

    void end_transaction(bool well)
    {
        if (well) {
            settings.commit();
        } else {
            settings.roll_back();
        }
        portals.clear();
        status = 'I';
    }

    std::string run(const std::string& text, const std::string& first)
    {
        if (first == "BEGIN") {
            status = 'T';
        } else if (first == "COMMIT" || (first == "ROLLBACK" && model_sql::word(text, 1) != "TO")) {
            const bool well = first == "COMMIT" && status != 'E';
            end_transaction(well);
            settings.begin();
            implicit_ = true;
            failed = false;
            return well ? "COMMIT" : "ROLLBACK";
        } else if (first == "SAVEPOINT" || first == "ROLLBACK" || first == "RELEASE") {
            const auto name = model_sql::word(text, first == "ROLLBACK" ? 2 : 1);
            if (status == 'I') {
                throw model_refusal{"25P01"};
            }
            if (first == "SAVEPOINT") {
                settings.save(name);
            } else if (!settings.has_savepoint(name)) {
                throw model_refusal{"3B001"};
            } else if (first == "RELEASE") {
                settings.release(name);
            } else {
                settings.roll_back_to(name);
                status = 'T';
                failed = false;
            }
        } else {
            throw model_refusal{"42601"};
        }
        return first;
    }

    void fail()
    {
        failed = true;
        if (status == 'T') {
            status = 'E';
        }
        if (status == 'E') {
            portals.clear();
        }
    }

    model_settings settings;
    std::map<std::string, model_portal> portals;
    char status = 'I';
    bool failed = false;

private:
    bool implicit_ = false;
};

}  // namespace penstock::test
