BEGIN TRANSACTION;
CREATE TABLE "_sqlite_migrations" (
   "id" INTEGER PRIMARY KEY,
   "migration_set" TEXT,
   "name" TEXT,
   "applied_at" TEXT
);
INSERT INTO "_sqlite_migrations" VALUES(1,'cellrig','0001_first_layout','2026-11-27 17:03:21.157899+00:00');
INSERT INTO "_sqlite_migrations" VALUES(2,'cellrig','0002_measurements','2026-11-27 17:03:21.158256+00:00');
CREATE TABLE cell (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL,
    facts_json TEXT NOT NULL CHECK (json_valid(facts_json))
) STRICT;
INSERT INTO "cell" VALUES(1,'coated-li-li','{"name":"coated-li-li","kind":"li-li","area_cm2":0.7854,"active_mass_mg":null,"nominal_capacity_ah":null,"electrolyte_thickness_um":90.0}');
CREATE TABLE cycle (
    test INTEGER NOT NULL REFERENCES test (id),
    cycle INTEGER NOT NULL CHECK (cycle >= 1),
    start_s REAL NOT NULL,
    charge_capacity_ah REAL,
    discharge_capacity_ah REAL,
    charge_capacity_mah_g REAL,
    discharge_capacity_mah_g REAL,
    charge_capacity_mah_cm2 REAL,
    discharge_capacity_mah_cm2 REAL,
    coulombic_efficiency REAL,
    charge_mean_voltage_v REAL,
    discharge_mean_voltage_v REAL,
    polarisation_v REAL,
    charge_end_reason TEXT NOT NULL,
    discharge_end_reason TEXT NOT NULL,
    PRIMARY KEY (test, cycle)
) STRICT, WITHOUT ROWID;
INSERT INTO "cycle" VALUES(1,1,10.0,2.61799996223999e-05,2.61799996223999e-05,NULL,NULL,3.33333328525590791291e-02,3.33333328525590791291e-02,NULL,4.05538964542403249091e-02,-3.73465584242896886379e-02,0.07790045487853,'time','time');
INSERT INTO "cycle" VALUES(2,1,10.0,3.76999996660743e-05,3.76999996660743e-05,NULL,NULL,3.33333330380851458607e-02,3.33333330380851458607e-02,NULL,5.79507223606632038137e-02,-5.33409671930704723519e-02,1.11291689553733669226e-01,'time','time');
CREATE TABLE deviation (
    id INTEGER PRIMARY KEY,
    run_id TEXT NOT NULL REFERENCES run (run_id),
    category TEXT NOT NULL CHECK (category IN ('power_outage', 'equipment_failure', 'temperature_excursion',
        'software_error', 'operator_intervention', 'premature_termination', 'communication_loss', 'parameter_drift',
        'setpoint_deviation', 'calibration_issue', 'out_of_tolerance', 'dimensional', 'other')),
    started_unix_s REAL NOT NULL,
    ended_unix_s REAL CHECK (ended_unix_s >= started_unix_s),
    effect TEXT NOT NULL
) STRICT;
CREATE TABLE event (
    id INTEGER PRIMARY KEY,
    run_id TEXT REFERENCES run (run_id),
    kind TEXT NOT NULL CHECK (kind <> ''),
    message TEXT NOT NULL,
    at_unix_s REAL NOT NULL,
    data_json TEXT CHECK (data_json IS NULL OR json_valid(data_json))
) STRICT;
INSERT INTO "event" VALUES(1,'R000001','state','preflight',1767571200.0,NULL);
INSERT INTO "event" VALUES(2,'R000001','state','armed',1767571200.0,NULL);
INSERT INTO "event" VALUES(3,'R000001','started','test 1 on 21-1-3',1767571200.0,NULL);
INSERT INTO "event" VALUES(4,'R000001','limits_unverified','no command reads limits back; the step file was, and equals the program',1767571200.0,NULL);
INSERT INTO "event" VALUES(5,'R000001','loaded','step file R000001-c58f1836.xml, sha256 c58f18365ba2a08c1c72272704a4d4b48e9175282d170346b7f7b091c6688b85',1767571200.0,NULL);
INSERT INTO "event" VALUES(6,'R000001','state','running',1767571200.0,NULL);
INSERT INTO "event" VALUES(7,'R000001','ended','program finished',1767572415.0,NULL);
INSERT INTO "event" VALUES(8,'R000001','state','completed: program finished',1767572415.0,NULL);
INSERT INTO "event" VALUES(9,'R000002','state','preflight',1767571200.0,NULL);
INSERT INTO "event" VALUES(10,'R000002','state','armed',1767571200.0,NULL);
INSERT INTO "event" VALUES(11,'R000002','started','test 1 on 21-1-3',1767571200.0,NULL);
INSERT INTO "event" VALUES(12,'R000002','limits_unverified','no command reads limits back; the step file was, and equals the program',1767571200.0,NULL);
INSERT INTO "event" VALUES(13,'R000002','loaded','step file R000002-1a950263.xml, sha256 1a9502633f0bccfde801189151f7dbda6f762ab77565e24585f9a61b6866344b',1767571200.0,NULL);
INSERT INTO "event" VALUES(14,'R000002','state','running',1767571200.0,NULL);
INSERT INTO "event" VALUES(15,'R000002','ended','program finished',1767572415.0,NULL);
INSERT INTO "event" VALUES(16,'R000002','state','completed: program finished',1767572415.0,NULL);
INSERT INTO "event" VALUES(17,'R000003','state','preflight',1767571200.0,NULL);
INSERT INTO "event" VALUES(18,'R000003','state','armed',1767571220.0,NULL);
INSERT INTO "event" VALUES(19,'R000003','started','test 1767571220 on chi660e',1767571220.0,NULL);
INSERT INTO "event" VALUES(20,'R000003','limits_unverified','no command reads limits back; the step file was, and equals the program',1767571220.0,NULL);
INSERT INTO "event" VALUES(21,'R000003','loaded','step file R000003-20260105T000020000, sha256 40420c848b83d90c668e089de8325c853ac6c18fcb0f5c1d12c141b831bde1a5',1767571220.0,NULL);
INSERT INTO "event" VALUES(22,'R000003','state','running',1767571220.0,NULL);
INSERT INTO "event" VALUES(23,'R000003','ended','program finished',1767573035.0,NULL);
INSERT INTO "event" VALUES(24,'R000003','state','completed: program finished',1767573035.0,NULL);
INSERT INTO "event" VALUES(25,'R000003','command','start ordered by ada',1767571200.0,NULL);
CREATE TABLE intent (
    id INTEGER PRIMARY KEY,
    run_id TEXT NOT NULL REFERENCES run (run_id),
    channel TEXT NOT NULL,
    command TEXT NOT NULL CHECK (command <> ''),
    program_sha256 TEXT NOT NULL,
    key TEXT NOT NULL UNIQUE,
    opened_unix_s REAL NOT NULL,
    outcome TEXT CHECK (outcome <> ''),
    closed_unix_s REAL,
    CHECK ((outcome IS NULL) = (closed_unix_s IS NULL))
) STRICT;
INSERT INTO "intent" VALUES(1,'R000001','21-1-3','start','42d1c5481c9914ed58548d3939dae5f08725d5b5bdc73dd2b8a15b22cb7ff2a9','R000001-start-1767571200.000-1',1767571200.0,'confirmed',1767571200.0);
INSERT INTO "intent" VALUES(2,'R000002','21-1-3','start','d693b2c6c0a06b9e3dad42da5873b13b309036db0cbde6adfa68f120c4a417a6','R000002-start-1767571200.000-1',1767571200.0,'confirmed',1767571200.0);
INSERT INTO "intent" VALUES(3,'R000003','chi660e','start','42d1c5481c9914ed58548d3939dae5f08725d5b5bdc73dd2b8a15b22cb7ff2a9','R000003-start-1767571220.000-1',1767571220.0,'confirmed',1767571220.0);
CREATE TABLE measurement (
    test INTEGER PRIMARY KEY REFERENCES test (id),
    technique TEXT NOT NULL CHECK (technique <> ''),
    job TEXT NOT NULL UNIQUE,
    bias_v REAL,
    amplitude_v REAL,
    temperature_degc REAL,
    cycle INTEGER NOT NULL CHECK (cycle >= 0),
    charge_passed_ah REAL NOT NULL CHECK (charge_passed_ah >= 0),
    open_circuit_v REAL,
    rested_s REAL NOT NULL,
    started_unix_s REAL NOT NULL,
    ended_unix_s REAL NOT NULL,
    files_json TEXT NOT NULL CHECK (json_valid(files_json))
) STRICT
;
CREATE TABLE run (
    number INTEGER PRIMARY KEY,
    run_id TEXT NOT NULL UNIQUE,
    recipe TEXT NOT NULL,
    cell_id INTEGER NOT NULL REFERENCES cell (id),
    channel TEXT NOT NULL,
    label TEXT NOT NULL,
    program_json TEXT NOT NULL CHECK (json_valid(program_json)),
    program_sha256 TEXT NOT NULL,
    created_unix_s REAL NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('queued', 'preflight', 'armed', 'running', 'unseen', 'holding',
        'awaiting_operator', 'tripped', 'completed', 'stopped', 'failed', 'unknown')),
    reason TEXT NOT NULL,
    state_unix_s REAL NOT NULL
) STRICT;
INSERT INTO "run" VALUES(1,'R000001','two-cycles',1,'21-1-3','coated-li-li','{"recipe":"two-cycles","recipe_sha256":"d778eaa4369b69908550aafa04eb6153ab999bf5aa92a532ddc6aabdd5a390fa","cell":{"name":"coated-li-li","kind":"li-li","area_cm2":0.7854,"active_mass_mg":null,"nominal_capacity_ah":null,"electrolyte_thickness_um":90.0},"segments":[{"steps":[{"current_a":0.00015708,"until":{"time_s":5.0,"voltage_v":0.5,"current_a":null,"capacity_ah":null},"ceiling":{"time_s":null,"capacity_ah":2.3998333333333333e-7},"record":{"every_s":0.1,"voltage_change_v":null,"current_change_a":null},"purpose":"check","kind":"constant_current"},{"current_a":-0.00015708,"until":{"time_s":5.0,"voltage_v":-0.5,"current_a":null,"capacity_ah":null},"ceiling":{"time_s":null,"capacity_ah":2.3998333333333333e-7},"record":{"every_s":0.1,"voltage_change_v":null,"current_change_a":null},"purpose":"check","kind":"constant_current"},{"current_a":0.00015708,"until":{"time_s":600.0,"voltage_v":0.5,"current_a":null,"capacity_ah":null},"ceiling":{"time_s":null,"capacity_ah":0.000028798},"record":null,"purpose":"recipe","kind":"constant_current"},{"current_a":-0.00015708,"until":{"time_s":600.0,"voltage_v":-0.5,"current_a":null,"capacity_ah":null},"ceiling":{"time_s":null,"capacity_ah":0.000028798},"record":null,"purpose":"recipe","kind":"constant_current"},{"back_to":3,"times":1,"kind":"loop"}],"record":{"every_s":30.0,"voltage_change_v":0.005,"current_change_a":null},"limits":{"host":{"low_v":-0.55,"high_v":0.55},"tester":{"low_v":-0.6,"high_v":0.6},"absolute":{"low_v":-1.0,"high_v":1.0},"host_current_a":0.000164934,"tester_current_a":0.000172788,"absolute_current_a":0.000188496,"tester_delay_s":5.0},"guards":{"early_cutoff_fraction":0.05,"early_cutoff_in_a_row":3,"resistance_low_ohm":10.0,"resistance_high_ohm":1500.0,"short_ratio":0.35,"short_in_a_row":3,"short_policy":"complete","open_circuit":{"low_v":-0.1,"high_v":0.1}},"kind":"cycling"}]}','42d1c5481c9914ed58548d3939dae5f08725d5b5bdc73dd2b8a15b22cb7ff2a9',1767571200.0,'completed','program finished',1767572415.0);
INSERT INTO "run" VALUES(2,'R000002','two-cycles',1,'21-1-3','coated-li-li','{"recipe":"two-cycles","recipe_sha256":"d778eaa4369b69908550aafa04eb6153ab999bf5aa92a532ddc6aabdd5a390fa","cell":{"name":"coated-li-li","kind":"li-li","area_cm2":1.131,"active_mass_mg":null,"nominal_capacity_ah":null,"electrolyte_thickness_um":90.0},"segments":[{"steps":[{"current_a":0.0002262,"until":{"time_s":5.0,"voltage_v":0.5,"current_a":null,"capacity_ah":null},"ceiling":{"time_s":null,"capacity_ah":3.455833333333333e-7},"record":{"every_s":0.1,"voltage_change_v":null,"current_change_a":null},"purpose":"check","kind":"constant_current"},{"current_a":-0.0002262,"until":{"time_s":5.0,"voltage_v":-0.5,"current_a":null,"capacity_ah":null},"ceiling":{"time_s":null,"capacity_ah":3.455833333333333e-7},"record":{"every_s":0.1,"voltage_change_v":null,"current_change_a":null},"purpose":"check","kind":"constant_current"},{"current_a":0.0002262,"until":{"time_s":600.0,"voltage_v":0.5,"current_a":null,"capacity_ah":null},"ceiling":{"time_s":null,"capacity_ah":0.00004147},"record":null,"purpose":"recipe","kind":"constant_current"},{"current_a":-0.0002262,"until":{"time_s":600.0,"voltage_v":-0.5,"current_a":null,"capacity_ah":null},"ceiling":{"time_s":null,"capacity_ah":0.00004147},"record":null,"purpose":"recipe","kind":"constant_current"},{"back_to":3,"times":1,"kind":"loop"}],"record":{"every_s":30.0,"voltage_change_v":0.005,"current_change_a":null},"limits":{"host":{"low_v":-0.55,"high_v":0.55},"tester":{"low_v":-0.6,"high_v":0.6},"absolute":{"low_v":-1.0,"high_v":1.0},"host_current_a":0.00023751,"tester_current_a":0.00024882,"absolute_current_a":0.00027144,"tester_delay_s":5.0},"guards":{"early_cutoff_fraction":0.05,"early_cutoff_in_a_row":3,"resistance_low_ohm":10.0,"resistance_high_ohm":1500.0,"short_ratio":0.35,"short_in_a_row":3,"short_policy":"complete","open_circuit":{"low_v":-0.1,"high_v":0.1}},"kind":"cycling"}]}','d693b2c6c0a06b9e3dad42da5873b13b309036db0cbde6adfa68f120c4a417a6',1767571200.0,'completed','program finished',1767572415.0);
INSERT INTO "run" VALUES(3,'R000003','two-cycles',1,'21-1-4','coated-li-li','{"recipe":"two-cycles","recipe_sha256":"d778eaa4369b69908550aafa04eb6153ab999bf5aa92a532ddc6aabdd5a390fa","cell":{"name":"coated-li-li","kind":"li-li","area_cm2":0.7854,"active_mass_mg":null,"nominal_capacity_ah":null,"electrolyte_thickness_um":90.0},"segments":[{"steps":[{"current_a":0.00015708,"until":{"time_s":5.0,"voltage_v":0.5,"current_a":null,"capacity_ah":null},"ceiling":{"time_s":null,"capacity_ah":2.3998333333333333e-7},"record":{"every_s":0.1,"voltage_change_v":null,"current_change_a":null},"purpose":"check","kind":"constant_current"},{"current_a":-0.00015708,"until":{"time_s":5.0,"voltage_v":-0.5,"current_a":null,"capacity_ah":null},"ceiling":{"time_s":null,"capacity_ah":2.3998333333333333e-7},"record":{"every_s":0.1,"voltage_change_v":null,"current_change_a":null},"purpose":"check","kind":"constant_current"},{"current_a":0.00015708,"until":{"time_s":600.0,"voltage_v":0.5,"current_a":null,"capacity_ah":null},"ceiling":{"time_s":null,"capacity_ah":0.000028798},"record":null,"purpose":"recipe","kind":"constant_current"},{"current_a":-0.00015708,"until":{"time_s":600.0,"voltage_v":-0.5,"current_a":null,"capacity_ah":null},"ceiling":{"time_s":null,"capacity_ah":0.000028798},"record":null,"purpose":"recipe","kind":"constant_current"},{"back_to":3,"times":1,"kind":"loop"}],"record":{"every_s":30.0,"voltage_change_v":0.005,"current_change_a":null},"limits":{"host":{"low_v":-0.55,"high_v":0.55},"tester":{"low_v":-0.6,"high_v":0.6},"absolute":{"low_v":-1.0,"high_v":1.0},"host_current_a":0.000164934,"tester_current_a":0.000172788,"absolute_current_a":0.000188496,"tester_delay_s":5.0},"guards":{"early_cutoff_fraction":0.05,"early_cutoff_in_a_row":3,"resistance_low_ohm":10.0,"resistance_high_ohm":1500.0,"short_ratio":0.35,"short_in_a_row":3,"short_policy":"complete","open_circuit":{"low_v":-0.1,"high_v":0.1}},"kind":"cycling"}]}','42d1c5481c9914ed58548d3939dae5f08725d5b5bdc73dd2b8a15b22cb7ff2a9',1767657600.25,'stopped','stopped by ada',1767657900.0);
CREATE TABLE sample (
    test INTEGER NOT NULL REFERENCES test (id),
    sequence INTEGER NOT NULL,
    time_s REAL NOT NULL,
    step_time_s REAL NOT NULL,
    step INTEGER NOT NULL,
    step_count INTEGER NOT NULL,
    cycle INTEGER NOT NULL,
    mode TEXT NOT NULL,
    voltage_v REAL,
    current_a REAL,
    capacity_ah REAL,
    energy_wh REAL,
    unix_time_s REAL NOT NULL,
    PRIMARY KEY (test, sequence)
) STRICT, WITHOUT ROWID;
INSERT INTO "sample" VALUES(1,1,0.0,0.0,1,1,1,'cc',0.0327487364411354,0.000156908281496726,0.0,0.0,1767571200.0);
INSERT INTO "sample" VALUES(1,2,0.1,0.1,1,1,1,'cc',0.0327733866870403,0.000156916299602017,4.36333325026794e-09,1.42949513337598e-10,1767571200.0);
INSERT INTO "sample" VALUES(1,3,0.2,0.2,1,1,1,'cc',0.0327788703143597,0.000156932903337292,8.72666650053588e-09,2.85955925605208e-10,1767571200.0);
INSERT INTO "sample" VALUES(1,4,0.3,0.3,1,1,1,'cc',0.0327951796352863,0.00015694102330599,1.3090000194893e-08,4.2901898700265e-10,1767571200.0);
INSERT INTO "sample" VALUES(1,5,0.4,0.4,1,1,1,'cc',0.0327975228428841,0.000156947528012097,1.74533330010718e-08,5.72138447729742e-10,1767571200.0);
INSERT INTO "sample" VALUES(1,6,0.5,0.5,1,1,1,'cc',0.0328241661190987,0.000156959969899617,2.18166658072505e-08,7.15314030230729e-10,1767571200.0);
INSERT INTO "sample" VALUES(1,7,0.6,0.6,1,1,1,'cc',0.0328422375023365,0.000156965383212082,2.61800003897861e-08,8.58545512461006e-10,1767571200.0);
INSERT INTO "sample" VALUES(1,8,0.7,0.7,1,1,1,'cc',0.0328420177102089,0.00015697511844337,3.05433331959648e-08,1.00183261686482e-09,1767571200.0);
INSERT INTO "sample" VALUES(1,9,0.8,0.8,1,1,1,'cc',0.0328575856983662,0.000156982976477593,3.49066660021435e-08,1.14517517690871e-09,1767571200.0);
INSERT INTO "sample" VALUES(1,10,0.9,0.9,1,1,1,'cc',0.0328654125332832,0.000156989728566259,3.92699988083223e-08,1.28857280401462e-09,1767571200.0);
INSERT INTO "sample" VALUES(1,11,1.0,1.0,1,1,1,'cc',0.0328812561929226,0.000156992537085898,4.3633331614501e-08,1.43202527613795e-09,1767571201.0);
INSERT INTO "sample" VALUES(1,12,1.1,1.1,1,1,1,'cc',0.0328962244093418,0.000156999551109038,4.79966679733934e-08,1.57553248225639e-09,1767571201.0);
INSERT INTO "sample" VALUES(2,1,0.0,0.0,1,1,1,'cc',0.0470351725816727,0.000225953350309283,0.0,0.0,1767571200.0);
INSERT INTO "sample" VALUES(2,2,0.1,0.1,1,1,1,'cc',0.0470611415803432,0.000225966316065751,6.28333340912945e-09,2.95622248902561e-10,1767571200.0);
INSERT INTO "sample" VALUES(2,3,0.2,0.2,1,1,1,'cc',0.0470679402351379,0.000225987561861984,1.25666668182589e-08,5.91334703425872e-10,1767571200.0);
INSERT INTO "sample" VALUES(2,4,0.3,0.3,1,1,1,'cc',0.0470855571329594,0.000226000032853335,1.88500006714776e-08,8.87136974991876e-10,1767571200.0);
INSERT INTO "sample" VALUES(2,5,0.4,0.4,1,1,1,'cc',0.0470892004668713,0.000226010582991876,2.51333336365178e-08,1.18302867502251e-09,1767571200.0);
INSERT INTO "sample" VALUES(2,6,0.5,0.5,1,1,1,'cc',0.0471171438694,0.000226026822929271,3.14166683779149e-08,1.47900935942857e-09,1767571200.0);
INSERT INTO "sample" VALUES(2,7,0.6,0.6,1,1,1,'cc',0.0471365116536617,0.000226035786909051,3.77000013429551e-08,1.775078639632e-09,1767571200.0);
INSERT INTO "sample" VALUES(2,8,0.7,0.7,1,1,1,'cc',0.0471375808119774,0.000226048854528926,4.39833343079954e-08,2.07123629358819e-09,1767571200.0);
INSERT INTO "sample" VALUES(2,9,0.8,0.8,1,1,1,'cc',0.0471544340252876,0.000226059812121093,5.02666672730356e-08,2.36748154414101e-09,1767571200.0);
INSERT INTO "sample" VALUES(2,10,0.9,0.9,1,1,1,'cc',0.0471635423600674,0.00022606948914472,5.65500002380759e-08,2.66381450231279e-09,1767571200.0);
INSERT INTO "sample" VALUES(2,11,1.0,1.0,1,1,1,'cc',0.0471806637942791,0.000226075018872507,6.28333367558298e-08,2.96023450196969e-09,1767571201.0);
INSERT INTO "sample" VALUES(2,12,1.1,1.1,1,1,1,'cc',0.0471969060599804,0.000226084564928897,6.91166661681564e-08,3.25674109902252e-09,1767571201.0);
INSERT INTO "sample" VALUES(3,1,0.1,0.1,1,1,1,'cc',0.03269,0.00015708,4.36333333333333418888e-09,1.42637366666666656777e-10,1767571235.1);
INSERT INTO "sample" VALUES(3,2,0.2,0.2,1,1,1,'cc',0.0327,0.00015708,8.72666666666666837777e-09,2.85296549999999972651e-10,1767571235.2);
INSERT INTO "sample" VALUES(3,3,3.00000000000000044408e-01,3.00000000000000044408e-01,1,1,1,'cc',0.03272,0.00015708,1.30900000000000033949e-08,4.28021183333333369181e-10,1767571235.3);
INSERT INTO "sample" VALUES(3,4,0.4,0.4,1,1,1,'cc',0.03273,0.00015708,1.74533333333333367555e-08,5.70811266666666742956e-10,1767571235.4);
INSERT INTO "sample" VALUES(3,5,0.5,0.5,1,1,1,'cc',0.03274,0.00015708,2.18166666666666668092e-08,7.13644983333333434967e-10,1767571235.5);
INSERT INTO "sample" VALUES(3,6,6.00000000000000088817e-01,6.00000000000000088817e-01,1,1,1,'cc',0.03275,0.00015708,2.61800000000000067899e-08,8.56522333333333548473e-10,1767571235.6);
INSERT INTO "sample" VALUES(3,7,7.00000000000000066613e-01,7.00000000000000066613e-01,1,1,1,'cc',0.03277,0.00015708,3.05433333333333401483e-08,9.99465133333333639355e-10,1767571235.7);
INSERT INTO "sample" VALUES(3,8,0.8,0.8,1,1,1,'cc',0.03278,0.00015708,3.4906666666666673511e-08,1.14247338333333360398e-09,1767571235.8);
INSERT INTO "sample" VALUES(3,9,0.9,0.9,1,1,1,'cc',0.03279,0.00015708,3.92700000000000068733e-08,1.28552526666666688684e-09,1767571235.9);
INSERT INTO "sample" VALUES(3,10,1.0,1.0,1,1,1,'cc',0.0328,0.00015708,4.36333333333333336185e-08,1.42862078333333348796e-09,1767571236.0);
INSERT INTO "sample" VALUES(3,11,1.1,1.1,1,1,1,'cc',0.03282,0.00015708,4.79966666666666735971e-08,1.5717817500000002732e-09,1767571236.1);
INSERT INTO "sample" VALUES(3,12,1.20000000000000017763e+00,1.20000000000000017763e+00,1,1,1,'cc',0.03283,0.00015708,5.23600000000000135799e-08,1.7150081666666670355e-09,1767571236.2);
CREATE TABLE spectrum (
    test INTEGER NOT NULL REFERENCES test (id),
    sequence INTEGER NOT NULL,
    frequency_hz REAL NOT NULL CHECK (frequency_hz > 0),
    z_real_ohm REAL NOT NULL,
    z_imag_ohm REAL NOT NULL,
    PRIMARY KEY (test, sequence)
) STRICT, WITHOUT ROWID;
CREATE TABLE step (
    test INTEGER NOT NULL REFERENCES test (id),
    step_count INTEGER NOT NULL CHECK (step_count >= 1),
    step INTEGER NOT NULL,
    cycle INTEGER NOT NULL,
    mode TEXT NOT NULL,
    start_s REAL NOT NULL,
    duration_s REAL NOT NULL,
    capacity_ah REAL,
    energy_wh REAL,
    mean_voltage_v REAL,
    resistance_ohm REAL,
    end_reason TEXT NOT NULL CHECK (end_reason IN ('time', 'voltage', 'current', 'capacity', 'ceiling', 'external')),
    first_sequence INTEGER NOT NULL,
    last_sequence INTEGER NOT NULL,
    PRIMARY KEY (test, step_count)
) STRICT, WITHOUT ROWID;
INSERT INTO "step" VALUES(1,1,1,1,'cc',0.0,5.0,2.18166661625219e-07,7.2125128092182e-09,3.30617490361999055714e-02,2.11427980736824480353e+02,'time',1,51);
INSERT INTO "step" VALUES(1,2,2,1,'dc',5.0,5.0,2.18166661625219e-07,7.02214730807782e-09,-3.21887026285548882853e-02,2.06071354548909624771e+02,'time',52,102);
INSERT INTO "step" VALUES(1,3,3,1,'cc',10.0,600.0,2.61799996223999e-05,1.06198137928004e-06,4.05538964542403249091e-02,2.7015976896251811467e+02,'time',103,125);
INSERT INTO "step" VALUES(1,4,4,1,'dc',610.0,600.0,2.61799996223999e-05,9.77981926553184e-07,-3.73465584242896886379e-02,2.65983501225050133608e+02,'time',126,151);
INSERT INTO "step" VALUES(2,1,1,1,'cc',0.0,5.0,3.14166669568294e-07,1.48844039316032e-08,4.73795151741622441732e-02,2.10191080370501083497e+02,'time',1,51);
INSERT INTO "step" VALUES(2,2,2,1,'dc',5.0,5.0,3.14166669568294e-07,1.44896468157185e-08,-0.0461225162114294,2.04837378586665636243e+02,'time',52,102);
INSERT INTO "step" VALUES(2,3,3,1,'cc',10.0,600.0,3.76999996660743e-05,2.18521472561406e-06,5.79507223606632038137e-02,2.69280187183905411535e+02,'time',103,126);
INSERT INTO "step" VALUES(2,4,4,1,'dc',610.0,600.0,3.76999996660743e-05,2.01115585696243e-06,-5.33409671930704723519e-02,2.65096873563578071752e+02,'time',127,154);
CREATE TABLE test (
    id INTEGER PRIMARY KEY,
    run_id TEXT NOT NULL REFERENCES run (run_id),
    segment INTEGER NOT NULL CHECK (segment >= 0),
    instrument TEXT NOT NULL,
    channel TEXT NOT NULL,
    tester_test_id INTEGER,
    barcode TEXT NOT NULL,
    started_unix_s REAL NOT NULL,
    program_json TEXT NOT NULL CHECK (json_valid(program_json)),
    UNIQUE (instrument, channel, tester_test_id, barcode)
) STRICT;
INSERT INTO "test" VALUES(1,'R000001',0,'simulated-ct4008','21-1-3',1,'R000001',1767571200.0,'{"steps":[{"current_a":0.00015708,"until":{"time_s":5.0,"voltage_v":0.5,"current_a":null,"capacity_ah":null},"ceiling":{"time_s":null,"capacity_ah":2.3998333333333333e-7},"record":{"every_s":0.1,"voltage_change_v":null,"current_change_a":null},"purpose":"check","kind":"constant_current"},{"current_a":-0.00015708,"until":{"time_s":5.0,"voltage_v":-0.5,"current_a":null,"capacity_ah":null},"ceiling":{"time_s":null,"capacity_ah":2.3998333333333333e-7},"record":{"every_s":0.1,"voltage_change_v":null,"current_change_a":null},"purpose":"check","kind":"constant_current"},{"current_a":0.00015708,"until":{"time_s":600.0,"voltage_v":0.5,"current_a":null,"capacity_ah":null},"ceiling":{"time_s":null,"capacity_ah":0.000028798},"record":null,"purpose":"recipe","kind":"constant_current"},{"current_a":-0.00015708,"until":{"time_s":600.0,"voltage_v":-0.5,"current_a":null,"capacity_ah":null},"ceiling":{"time_s":null,"capacity_ah":0.000028798},"record":null,"purpose":"recipe","kind":"constant_current"},{"back_to":3,"times":1,"kind":"loop"}],"record":{"every_s":30.0,"voltage_change_v":0.005,"current_change_a":null},"limits":{"host":{"low_v":-0.55,"high_v":0.55},"tester":{"low_v":-0.6,"high_v":0.6},"absolute":{"low_v":-1.0,"high_v":1.0},"host_current_a":0.000164934,"tester_current_a":0.000172788,"absolute_current_a":0.000188496,"tester_delay_s":5.0},"guards":{"early_cutoff_fraction":0.05,"early_cutoff_in_a_row":3,"resistance_low_ohm":10.0,"resistance_high_ohm":1500.0,"short_ratio":0.35,"short_in_a_row":3,"short_policy":"complete","open_circuit":{"low_v":-0.1,"high_v":0.1}},"kind":"cycling"}');
INSERT INTO "test" VALUES(2,'R000002',0,'simulated-ct4008','21-1-3',1,'R000002',1767571200.0,'{"steps":[{"current_a":0.0002262,"until":{"time_s":5.0,"voltage_v":0.5,"current_a":null,"capacity_ah":null},"ceiling":{"time_s":null,"capacity_ah":3.455833333333333e-7},"record":{"every_s":0.1,"voltage_change_v":null,"current_change_a":null},"purpose":"check","kind":"constant_current"},{"current_a":-0.0002262,"until":{"time_s":5.0,"voltage_v":-0.5,"current_a":null,"capacity_ah":null},"ceiling":{"time_s":null,"capacity_ah":3.455833333333333e-7},"record":{"every_s":0.1,"voltage_change_v":null,"current_change_a":null},"purpose":"check","kind":"constant_current"},{"current_a":0.0002262,"until":{"time_s":600.0,"voltage_v":0.5,"current_a":null,"capacity_ah":null},"ceiling":{"time_s":null,"capacity_ah":0.00004147},"record":null,"purpose":"recipe","kind":"constant_current"},{"current_a":-0.0002262,"until":{"time_s":600.0,"voltage_v":-0.5,"current_a":null,"capacity_ah":null},"ceiling":{"time_s":null,"capacity_ah":0.00004147},"record":null,"purpose":"recipe","kind":"constant_current"},{"back_to":3,"times":1,"kind":"loop"}],"record":{"every_s":30.0,"voltage_change_v":0.005,"current_change_a":null},"limits":{"host":{"low_v":-0.55,"high_v":0.55},"tester":{"low_v":-0.6,"high_v":0.6},"absolute":{"low_v":-1.0,"high_v":1.0},"host_current_a":0.00023751,"tester_current_a":0.00024882,"absolute_current_a":0.00027144,"tester_delay_s":5.0},"guards":{"early_cutoff_fraction":0.05,"early_cutoff_in_a_row":3,"resistance_low_ohm":10.0,"resistance_high_ohm":1500.0,"short_ratio":0.35,"short_in_a_row":3,"short_policy":"complete","open_circuit":{"low_v":-0.1,"high_v":0.1}},"kind":"cycling"}');
INSERT INTO "test" VALUES(3,'R000003',0,'ct4008','21-1-4',1767571220,'R000003',1767571220.0,'{"steps":[{"current_a":0.00015708,"until":{"time_s":5.0,"voltage_v":0.5,"current_a":null,"capacity_ah":null},"ceiling":{"time_s":null,"capacity_ah":2.3998333333333333e-7},"record":{"every_s":0.1,"voltage_change_v":null,"current_change_a":null},"purpose":"check","kind":"constant_current"},{"current_a":-0.00015708,"until":{"time_s":5.0,"voltage_v":-0.5,"current_a":null,"capacity_ah":null},"ceiling":{"time_s":null,"capacity_ah":2.3998333333333333e-7},"record":{"every_s":0.1,"voltage_change_v":null,"current_change_a":null},"purpose":"check","kind":"constant_current"},{"current_a":0.00015708,"until":{"time_s":600.0,"voltage_v":0.5,"current_a":null,"capacity_ah":null},"ceiling":{"time_s":null,"capacity_ah":0.000028798},"record":null,"purpose":"recipe","kind":"constant_current"},{"current_a":-0.00015708,"until":{"time_s":600.0,"voltage_v":-0.5,"current_a":null,"capacity_ah":null},"ceiling":{"time_s":null,"capacity_ah":0.000028798},"record":null,"purpose":"recipe","kind":"constant_current"},{"back_to":3,"times":1,"kind":"loop"}],"record":{"every_s":30.0,"voltage_change_v":0.005,"current_change_a":null},"limits":{"host":{"low_v":-0.55,"high_v":0.55},"tester":{"low_v":-0.6,"high_v":0.6},"absolute":{"low_v":-1.0,"high_v":1.0},"host_current_a":0.000164934,"tester_current_a":0.000172788,"absolute_current_a":0.000188496,"tester_delay_s":5.0},"guards":{"early_cutoff_fraction":0.05,"early_cutoff_in_a_row":3,"resistance_low_ohm":10.0,"resistance_high_ohm":1500.0,"short_ratio":0.35,"short_in_a_row":3,"short_policy":"complete","open_circuit":{"low_v":-0.1,"high_v":0.1}},"kind":"cycling"}');
CREATE UNIQUE INDEX "idx__sqlite_migrations_migration_set_name"
    ON "_sqlite_migrations" ("migration_set", "name");
CREATE INDEX cell_name ON cell (name);
CREATE INDEX test_run ON test (run_id);
CREATE INDEX event_run ON event (run_id);
CREATE INDEX deviation_run ON deviation (run_id);
CREATE INDEX intent_open ON intent (id) WHERE outcome IS NULL;
CREATE VIEW "run_summary" AS 
SELECT run.run_id, run.recipe, cell.name AS cell, run.channel, run.label, run.state, run.reason,
    strftime('%Y-%m-%dT%H:%M:%SZ', run.created_unix_s, 'unixepoch') AS created_utc,
    strftime('%Y-%m-%dT%H:%M:%SZ', run.state_unix_s, 'unixepoch') AS state_since_utc,
    (SELECT count(*) FROM test WHERE test.run_id = run.run_id) AS tests,
    (SELECT count(*) FROM test JOIN sample ON sample.test = test.id WHERE test.run_id = run.run_id) AS samples,
    (SELECT count(*) FROM event WHERE event.run_id = run.run_id) AS events,
    (SELECT count(*) FROM deviation WHERE deviation.run_id = run.run_id) AS deviations
FROM run JOIN cell ON cell.id = run.cell_id;
CREATE VIEW "sample_readable" AS 
SELECT run.run_id, cell.name AS cell, test.instrument, test.channel, test.segment, sample.test, sample.sequence,
    sample.time_s / 3600 AS time_h,
    strftime('%Y-%m-%dT%H:%M:%SZ', sample.unix_time_s, 'unixepoch') AS utc,
    sample.cycle, sample.step, sample.step_count, sample.mode, sample.voltage_v,
    sample.current_a * 1000 AS current_ma, sample.capacity_ah * 1000 AS capacity_mah,
    sample.energy_wh * 1000 AS energy_mwh
FROM sample JOIN test ON test.id = sample.test JOIN run ON run.run_id = test.run_id JOIN cell ON cell.id = run.cell_id;
CREATE VIEW "step_readable" AS 
SELECT run.run_id, cell.name AS cell, test.instrument, test.channel, test.segment, step.test, step.step_count,
    step.cycle, step.step, step.mode, step.end_reason,
    step.start_s / 3600 AS start_h, step.duration_s / 3600 AS duration_h,
    step.capacity_ah * 1000 AS capacity_mah, step.mean_voltage_v, step.resistance_ohm
FROM step JOIN test ON test.id = step.test JOIN run ON run.run_id = test.run_id JOIN cell ON cell.id = run.cell_id;
CREATE VIEW "cycle_readable" AS 
SELECT run.run_id, run.label, cell.name AS cell, test.instrument, test.channel, cycle.*
FROM cycle JOIN test ON test.id = cycle.test JOIN run ON run.run_id = test.run_id JOIN cell ON cell.id = run.cell_id;
CREATE VIEW "event_readable" AS 
SELECT event.id, strftime('%Y-%m-%dT%H:%M:%SZ', event.at_unix_s, 'unixepoch') AS utc, event.run_id,
    cell.name AS cell, run.channel, event.kind, event.message, event.data_json
FROM event LEFT JOIN run ON run.run_id = event.run_id LEFT JOIN cell ON cell.id = run.cell_id;
CREATE VIEW "spectrum_readable" AS 
SELECT test.run_id, cell.name AS cell, test.instrument, test.channel, measurement.cycle, spectrum.test,
    spectrum.sequence, spectrum.frequency_hz, spectrum.z_real_ohm, spectrum.z_imag_ohm,
    measurement.bias_v, measurement.amplitude_v, measurement.temperature_degc,
    measurement.charge_passed_ah * 1000 AS charge_passed_mah,
    strftime('%Y-%m-%dT%H:%M:%SZ', measurement.started_unix_s, 'unixepoch') AS started_utc
FROM spectrum JOIN measurement ON measurement.test = spectrum.test JOIN test ON test.id = spectrum.test
JOIN run ON run.run_id = test.run_id JOIN cell ON cell.id = run.cell_id;
COMMIT;
